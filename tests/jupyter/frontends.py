"""Other front ends than a notebook's page: nbconvert, papermill, the console."""

import os
import subprocess
import sys
import tempfile
import unittest

import nbformat
import pexpect

CELLS = ["%load spark", '%next "Once upon a" top=3', "%tokens 大模型 don't", "%seed 7 --json", "!echo hi"]


class FrontEnds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.book = os.path.join(folder.name, "book.ipynb")
        kernel = {"name": "lantern", "display_name": "Lantern", "language": "lantern"}
        cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), self.book)

    def python(self, *arguments):
        ran = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return ran.stdout

    def test_nbconvert_runs_it_and_makes_a_page(self):
        self.python("nbconvert", "--to", "notebook", "--execute", "--inplace", self.book)
        page = self.python("nbconvert", "--to", "html", "--stdout", self.book)
        for part in ("loaded spark", "data:image/svg+xml", "Once upon a", "hi\n"):
            self.assertIn(part, page)
        # No word of a magic is painted as an error.
        self.assertIn("大模型", page)
        self.assertNotIn('class="err"', page)

    def test_papermill_runs_it(self):
        done = self.book.replace("book", "done")
        self.python("papermill", "--no-progress-bar", self.book, done)
        cells = nbformat.read(done, 4).cells
        self.assertEqual([cell.execution_count for cell in cells], [1, 2, 3, 4, 5])
        self.assertEqual(cells[3].outputs[0].data["application/json"], {"seed": 7})
        self.assertEqual(cells[4].outputs[0].text, "hi\n")

    def test_the_console_shows_text_and_stops_a_cell(self):
        options = ["--kernel", "lantern", "--simple-prompt"]
        console = pexpect.spawn(sys.executable, ["-m", "jupyter_console", *options], encoding="utf-8", timeout=20, echo=False)
        self.addCleanup(console.close, force=True)
        for line, answer in [("%load spark", "loaded spark"), ('%next "Once upon a" top=3', "█"), ("%seed 7 --json", '{"seed":7}')]:
            console.expect(r"In \[\d+\]: ")
            console.sendline(line)
            console.expect_exact(answer)
        console.expect(r"In \[\d+\]: ")
        console.sendline("!echo begun; sleep 30")
        console.expect_exact("begun")
        console.sendintr()
        console.expect_exact("interrupted")
        console.expect(r"In \[\d+\]: ")
        console.sendline('%input "Name: "')
        console.expect_exact("Name: ")
        console.sendline("Ada")
        console.expect_exact("Ada")
        console.expect(r"In \[\d+\]: ")
        console.sendeof()
        console.expect_exact("exit")
        console.sendline("y")
        console.expect(pexpect.EOF)


if __name__ == "__main__":
    unittest.main(verbosity=2)
