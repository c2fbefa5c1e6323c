"""A notebook through nbclient: stored outputs, and an error that names its cell."""

import unittest

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def run(*cells, **options):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, kernel_name="lantern", timeout=60, **options).execute()
    nbformat.validate(book)
    return book


class Notebook(unittest.TestCase):
    def test_outputs_are_stored(self):
        book = run("!echo one; echo two", "%lsmagic", "!echo oops >&2")
        self.assertEqual([cell.execution_count for cell in book.cells], [1, 2, 3])
        self.assertEqual(book.cells[0].outputs, [{"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"}])
        self.assertEqual({"text/html", "text/plain"}, set(book.cells[1].outputs[0].data))
        self.assertEqual(book.cells[2].outputs[0].name, "stderr")
        self.assertEqual(book.metadata.language_info.name, "lantern")

    def test_an_error_stops_it(self):
        with self.assertRaisesRegex(CellExecutionError, "nosuch"):
            run("%nosuch", "!echo never")

    def test_an_error_can_be_allowed(self):
        book = run("%nosuch", "!echo on", allow_errors=True)
        self.assertEqual(book.cells[0].outputs[0].output_type, "error")
        self.assertEqual(book.cells[1].outputs[0].text, "on\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
