"""Training and generation in a notebook: the plot moves in place, not too often, and an interrupt keeps what was learned."""

import json
import os
import tempfile
import time
import unittest

from client import kernel, kinds, text

MODEL = os.path.join(os.environ["LANTERN_FIXTURES"], "llama-tiny")


LONG = "%train steps=1000000 batch=2"


def moves(msg):
    """Whether this is the next state of a plot."""
    return msg["msg_type"] == "update_display_data" and "image/svg+xml" in msg["content"]["data"]


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = os.path.join(cls.folder.name, "data.json")
        with open(cls.data, "w") as file:
            json.dump([{"instruction": f"Say {i}", "input": "", "output": f"number {i} is good"} for i in range(60)], file)
        cls.context = kernel()
        cls.client = cls.context.__enter__()
        for cell in (f"%load {MODEL}", f"%data {cls.data} val=0.1", "%lora r=4"):
            reply, messages = cls.client.run(cell)
            assert reply["content"]["status"] == "ok", (cell, messages)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)
        cls.folder.cleanup()

    def train(self, redraws):
        """A long run, interrupted after its plot has moved: its reply, its iopub messages, how long it took."""
        cell = self.client.kc.execute(LONG)
        begun, messages = time.monotonic(), []
        while sum(moves(m) for m in messages) < redraws:
            messages.append(self.client.until(cell, lambda m: m["msg_type"] in ("display_data", "update_display_data")))
        asked = time.monotonic()
        self.client.control("interrupt_request")
        reply = self.client.reply(cell)
        self.assertLess(time.monotonic() - asked, 1)
        return reply, messages + self.client.outputs(cell), time.monotonic() - begun

    def test_the_plot_moves_in_place_and_not_too_often(self):
        _, messages, seconds = self.train(4)
        charts = [m["content"]["transient"].get("display_id") for m in messages if m["msg_type"] == "display_data"]
        updates = [m for m in messages if m["msg_type"] == "update_display_data"]
        for id in {m["content"]["transient"]["display_id"] for m in updates}:
            self.assertEqual(charts.count(id), 1)
            count = sum(m["content"]["transient"]["display_id"] == id for m in updates)
            self.assertTrue(1 <= count <= 4 * seconds + 2, (id, count, seconds))
        pictures = [m["content"]["data"] for m in updates if "image/svg+xml" in m["content"]["data"]]
        self.assertTrue(pictures)
        self.assertTrue(all(p["image/svg+xml"].startswith("<svg") and p["text/plain"] for p in pictures))
        self.assertEqual(kinds(messages)[-1], "idle")

    def test_an_interrupt_keeps_what_was_learned(self):
        before = self.loss()
        reply, messages, _ = self.train(1)
        self.assertEqual(reply["content"]["ename"], "Interrupted")
        self.assertEqual(kinds(messages)[-1], "idle")
        self.assertLess(self.loss(), before)

    def loss(self):
        reply, messages = self.client.run("%eval ppl --json")
        self.assertEqual(reply["content"]["status"], "ok", messages)
        return next(m["content"]["data"]["application/json"]["loss"] for m in messages if m["msg_type"] == "execute_result")

    def test_completion_answers_during_training(self):
        cell = self.client.kc.execute(LONG)
        self.client.until(cell, lambda m: m["msg_type"] == "display_data")
        begun = time.monotonic()
        answer = self.client.ask("complete_request", code="%trai", cursor_pos=5)["content"]
        self.assertLess(time.monotonic() - begun, 0.5)
        self.assertEqual(answer["matches"], ["%train"])
        self.client.control("interrupt_request")
        self.client.reply(cell)
        self.client.outputs(cell)

    def test_an_interrupt_during_generation_keeps_the_model(self):
        cell = self.client.kc.execute("\n".join(['%generate "Once upon" max_new_tokens=40'] * 100_000))
        self.client.until(cell, lambda m: m["msg_type"] == "stream")
        asked = time.monotonic()
        self.client.control("interrupt_request")
        self.client.reply(cell)
        self.assertLess(time.monotonic() - asked, 1)
        self.client.outputs(cell)
        reply, messages = self.client.run('%generate "Once upon" max_new_tokens=4')
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertTrue(text(messages))

    def test_a_run_goes_on_without_its_client_and_attach_shows_it(self):
        gone = self.client.another()
        cell = gone.kc.execute(LONG)
        gone.until(cell, moves)
        gone.kc.stop_channels()
        attached = self.client.kc.execute("%attach")
        self.client.until(attached, lambda m: m["msg_type"] == "execute_input")
        header = self.client.until(attached, lambda m: m["msg_type"] == "stream")
        self.assertIn("%train steps=1000000", header["content"]["text"])
        shown = self.client.until(attached, lambda m: m["msg_type"] == "display_data" and "image/svg+xml" in m["content"]["data"])
        id = shown["content"]["transient"]["display_id"]
        moved = self.client.until(attached, lambda m: m["msg_type"] == "update_display_data" and m["content"]["transient"]["display_id"] == id)
        self.assertNotEqual(shown["content"]["data"], moved["content"]["data"])
        # The stop button of a notebook: a server sends it, under a name of its own. First it ends the look, then the run.
        server = self.client.another()
        server.control("interrupt_request")
        self.assertEqual(self.client.reply(attached)["content"]["status"], "ok")
        self.assertIn("goes on", text(self.client.outputs(attached)))
        self.client.until(cell, moves)
        server.control("interrupt_request")
        self.client.outputs(cell)
        server.kc.stop_channels()
        reply, messages = self.client.run("%attach")
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertIn("interrupted", text(messages, "stderr"))
        self.assertTrue(any("image/svg+xml" in m["content"].get("data", {}) for m in messages))


if __name__ == "__main__":
    unittest.main(verbosity=2)
