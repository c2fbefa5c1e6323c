"""What no public suite asks: interrupts that keep the session, answers during a cell, aborted queues, input, order."""

import os
import signal
import time
import unittest

import zmq
from client import kernel, kinds, text


def started(client, msg_id, word="started"):
    """Waits until the cell has printed `word`."""
    client.until(msg_id, lambda m: m["msg_type"] == "stream" and word in m["content"]["text"])


LONG = "!echo started; sleep 30; echo never"


class Session(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = kernel()
        cls.client = cls.context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def test_order_of_a_cell(self):
        reply, messages = self.client.run("!echo one; echo two")
        self.assertEqual(kinds(messages), ["busy", "execute_input", "stream", "idle"])
        self.assertEqual(text(messages), "one\ntwo\n")
        self.assertEqual(messages[1]["content"]["execution_count"], reply["content"]["execution_count"])

    def test_both_streams_keep_their_order(self):
        _, messages = self.client.run("!echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three")
        self.assertEqual([(m["content"]["name"], m["content"]["text"]) for m in messages if m["msg_type"] == "stream"],
                         [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n")])

    def test_an_error_is_told_once_with_its_hint(self):
        reply, messages = self.client.run("%lsmagc")
        self.assertEqual(kinds(messages), ["busy", "execute_input", "error", "idle"])
        error = messages[2]["content"]
        self.assertEqual(error["ename"], "UnknownMagic")
        self.assertIn("%lsmagic", "\n".join(error["traceback"]))
        for field in ("ename", "evalue", "traceback"):
            self.assertEqual(reply["content"][field], error[field])
        self.assertEqual(reply["content"]["status"], "error")

    def test_interrupt_ends_the_cell_and_keeps_the_session(self):
        self.client.run("%seed 4711")
        cell = self.client.kc.execute(LONG)
        started(self.client, cell)
        begun = time.monotonic()
        self.assertEqual(self.client.control("interrupt_request")["content"]["status"], "ok")
        reply = self.client.reply(cell)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual(reply["content"]["ename"], "Interrupted")
        messages = self.client.outputs(cell)
        self.assertNotIn("never", text(messages))
        self.assertEqual(self.value("%seed --json"), {"seed": 4711})

    def value(self, code):
        """What a cell with --json is worth."""
        return next(m["content"]["data"]["application/json"] for m in self.client.run(code)[1] if m["msg_type"] == "execute_result")

    def test_idle_interrupt_is_harmless(self):
        self.assertEqual(self.client.control("interrupt_request")["content"]["status"], "ok")
        reply, messages = self.client.run("!echo still")
        self.assertEqual((reply["content"]["status"], text(messages)), ("ok", "still\n"))

    def test_interrupt_drops_what_is_queued(self):
        cell = self.client.kc.execute(LONG)
        queued = self.client.kc.execute("!echo queued", stop_on_error=True)
        started(self.client, cell)
        self.client.control("interrupt_request")
        self.assertEqual(self.client.reply(queued)["content"]["status"], "aborted")
        self.assertEqual(kinds(self.client.outputs(queued)), ["busy", "idle"])

    def test_answers_while_a_cell_runs(self):
        cell = self.client.kc.execute(LONG)
        started(self.client, cell)
        begun = time.monotonic()
        asked = [
            self.client.ask("complete_request", code="%lsm", cursor_pos=4),
            self.client.ask("inspect_request", code="%seed", cursor_pos=3, detail_level=0),
            self.client.ask("is_complete_request", code="%seed"),
            self.client.ask("history_request", hist_access_type="tail", n=1, output=False, raw=True),
            self.client.ask("comm_info_request"),
            self.client.ask("kernel_info_request"),
            self.client.control("kernel_info_request"),
        ]
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual([a["content"]["status"] for a in asked], ["ok", "ok", "complete", "ok", "ok", "ok", "ok"])
        # A front end that shows the last status it saw must show busy.
        self.client.silence(*(a["parent_header"]["msg_id"] for a in asked))
        said = self.client.until(cell, lambda m: m["msg_type"] == "status")
        self.assertEqual(said["content"]["execution_state"], "busy")
        self.client.control("interrupt_request")
        self.client.reply(cell)
        self.client.outputs(cell)

    def test_an_error_aborts_what_was_sent_with_it(self):
        first, second, third = (self.client.kc.execute(c) for c in ("%nosuch", "!echo two", "!echo three"))
        self.assertEqual(self.client.reply(first)["content"]["status"], "error")
        for cell in (second, third):
            self.assertEqual(self.client.reply(cell)["content"]["status"], "aborted")
            self.assertEqual(kinds(self.client.outputs(cell)), ["busy", "idle"])
        reply, messages = self.client.run("!echo four")
        self.assertEqual((reply["content"]["status"], text(messages)), ("ok", "four\n"))

    def test_an_error_may_leave_the_queue_alone(self):
        first = self.client.kc.execute("%nosuch", stop_on_error=False)
        second = self.client.kc.execute("!echo two")
        self.assertEqual(self.client.reply(first)["content"]["status"], "error")
        self.assertEqual(self.client.reply(second)["content"]["status"], "ok")
        self.client.outputs(second)

    def test_silent_cells_leave_no_trace(self):
        count = self.client.run("!echo x")[0]["content"]["execution_count"]
        reply, messages = self.client.run("!echo quiet", silent=True)
        self.assertEqual(kinds(messages), ["busy", "idle"])
        self.assertEqual(reply["content"]["execution_count"], count)
        self.assertEqual(self.client.run("!echo y")[0]["content"]["execution_count"], count + 1)
        tail = self.client.ask("history_request", hist_access_type="tail", n=2, output=False, raw=True)
        self.assertEqual([entry[2] for entry in tail["content"]["history"]], ["!echo x", "!echo y"])

    def test_input_comes_from_the_client_that_ran_the_cell(self):
        cell = self.client.kc.execute('%input "Name: "', allow_stdin=True)
        asked = self.client.kc.get_stdin_msg(timeout=10)
        self.assertEqual((asked["msg_type"], asked["content"]), ("input_request", {"prompt": "Name: ", "password": False}))
        self.client.kc.input("模型")
        self.assertEqual(self.client.reply(cell)["content"]["status"], "ok")
        self.assertEqual(text(self.client.outputs(cell)), "模型\n")

    def test_input_can_be_interrupted_or_refused(self):
        self.client.run("%seed 4712")
        cell = self.client.kc.execute("%input", allow_stdin=True)
        self.client.kc.get_stdin_msg(timeout=10)
        self.client.control("interrupt_request")
        self.assertEqual(self.client.reply(cell)["content"]["status"], "error")
        self.client.outputs(cell)
        # An answer that comes too late is not the answer to the next question.
        self.client.kc.input("late")
        cell = self.client.kc.execute("%input", allow_stdin=True)
        self.client.kc.get_stdin_msg(timeout=10)
        self.client.kc.input("in time")
        self.client.reply(cell)
        self.assertEqual(text(self.client.outputs(cell)), "in time\n")
        self.assertEqual(self.client.run("%input", allow_stdin=False)[0]["content"]["ename"], "NoInput")
        self.assertEqual(self.value("%seed --json"), {"seed": 4712})

    def test_positions_are_code_points(self):
        code = "// 模型🏮\n%lsm"
        answer = self.client.ask("complete_request", code=code, cursor_pos=len(code))["content"]
        self.assertEqual(answer["matches"], ["%lsmagic"])
        self.assertEqual(code[answer["cursor_start"]:answer["cursor_end"]], "%lsm")
        self.assertEqual(answer["metadata"]["_jupyter_types_experimental"][0]["type"], "magic")

    def test_history(self):
        for code in ("!echo 1", "!echo 2", "!echo 1"):
            self.client.run(code)
        ask = lambda **options: self.client.ask("history_request", raw=True, **options)["content"]["history"]
        tail = ask(hist_access_type="tail", n=3, output=True)
        self.assertEqual([entry[2] for entry in tail], [["!echo 1", "1\n"], ["!echo 2", "2\n"], ["!echo 1", "1\n"]])
        session, line, _ = tail[1]
        self.assertEqual(ask(hist_access_type="range", session=session, start=line, stop=line + 1, output=False),
                         [[session, line, "!echo 2"]])
        self.assertEqual([e[2] for e in ask(hist_access_type="search", pattern="!echo ?", n=2, output=False)], ["!echo 2", "!echo 1"])
        # Without `n` and `unique`, as jupyter_client sends it.
        self.assertGreaterEqual(len(ask(hist_access_type="search", pattern="!echo 1")), 2)
        self.assertEqual(len(ask(hist_access_type="search", pattern="!echo 1", unique=True)), 1)

    def test_comms_to_unknown_targets_are_closed(self):
        msg = self.client.kc.session.msg("comm_open", {"comm_id": "c1", "target_name": "nobody", "data": {}})
        self.client.kc.shell_channel.send(msg)
        messages = self.client.outputs(msg["header"]["msg_id"])
        self.assertEqual(kinds(messages), ["busy", "comm_close", "idle"])
        self.assertEqual(messages[1]["content"]["comm_id"], "c1")

    def test_requests_it_does_not_know_get_an_error(self):
        reply = self.client.ask("connect_request")
        self.assertEqual((reply["msg_type"], reply["content"]["status"]), ("connect_reply", "error"))

    def test_user_expressions_get_an_answer_each(self):
        asked = {"value": "%seed --json", "none": "%seed", "command": "!echo x > /dev/full", "rust": "1 + 1", "unknown": "%sed --json"}
        self.client.run("%seed 5")
        reply, messages = self.client.run("!true", user_expressions=asked)
        self.assertEqual(kinds(messages), ["busy", "execute_input", "idle"])
        answers = reply["content"]["user_expressions"]
        self.assertEqual(answers.pop("value"), {
            "status": "ok", "data": {"application/json": {"seed": 5}, "text/plain": '{"seed":5}'}, "metadata": {}})
        self.assertEqual({name: (a["status"], a["ename"]) for name, a in answers.items()}, {
            "none": ("error", "NoValue"), "command": ("error", "NoValue"), "rust": ("error", "NoRust"),
            "unknown": ("error", "UnknownMagic")})
        self.assertTrue(all(a["evalue"] and a["traceback"] for a in answers.values()))
        reply, _ = self.client.run("%nosuch", user_expressions=asked)
        self.assertFalse(reply["content"].get("user_expressions"))
        # They leave no trace.
        tail = self.client.ask("history_request", hist_access_type="tail", n=2, output=False, raw=True)
        self.assertEqual([entry[2] for entry in tail["content"]["history"]], ["!true", "%nosuch"])

    def test_much_output_still_ends_idle(self):
        cell = self.client.kc.execute("!seq 200000")
        self.assertEqual(self.client.reply(cell, timeout=60)["content"]["status"], "ok")
        messages = self.client.outputs(cell, timeout=60)
        self.assertEqual(text(messages), "".join(f"{n}\n" for n in range(1, 200001)))
        self.assertLess(len(messages), 2000)

    def test_heartbeat_beats_during_a_cell(self):
        cell = self.client.kc.execute(LONG)
        started(self.client, cell)
        heart = zmq.Context.instance().socket(zmq.REQ)
        heart.linger = 0
        heart.connect(f"tcp://127.0.0.1:{self.client.km.hb_port}")
        for beat in (b"one", b"two"):
            heart.send(beat)
            self.assertTrue(heart.poll(1000), "no beat within the second that clients allow")
            self.assertEqual(heart.recv(), beat)
        heart.close()
        self.client.control("interrupt_request")
        self.client.reply(cell)
        self.client.outputs(cell)


class Ends(unittest.TestCase):
    def test_shutdown_replies_then_exits(self):
        with kernel() as client:
            cell = client.kc.execute(LONG)
            started(client, cell)
            reply = client.control("shutdown_request", {"restart": False})
            self.assertEqual(reply["content"], {"status": "ok", "restart": False})
            # The running cell was told apart: its error and its idle are not lost.
            self.assertEqual(kinds(client.outputs(cell))[-1], "idle")
            self.assertEqual(client.km.provisioner.process.wait(5), 0)

    def test_a_restart_is_a_new_session_that_knows_the_old_cells(self):
        with kernel() as client:
            client.run("%seed 4713")
            client.run("!echo before the restart")
            client.km.restart_kernel()
            client.kc.wait_for_ready(timeout=20)
            reply, messages = client.run("%seed --json")
            self.assertEqual(reply["content"]["execution_count"], 1)
            self.assertNotIn("4713", str([m["content"].get("data") for m in messages]))
            ask = lambda **options: client.ask("history_request", raw=True, **options)["content"]["history"]
            found = ask(hist_access_type="search", pattern="*before the*", output=True)
            self.assertEqual(found[-1][2], ["!echo before the restart", "before the restart\n"])
            last = ask(hist_access_type="range", session=-1, start=1, stop=3, output=False)
            self.assertEqual([entry[2] for entry in last], ["%seed 4713", "!echo before the restart"])

    def test_signals(self):
        with kernel() as client:
            cell = client.kc.execute(LONG)
            started(client, cell)
            os.kill(client.km.provisioner.pid, signal.SIGINT)
            self.assertEqual(client.reply(cell)["content"]["ename"], "Interrupted")
            self.assertEqual(client.run("!echo alive")[0]["content"]["status"], "ok")
            os.kill(client.km.provisioner.pid, signal.SIGTERM)
            self.assertEqual(client.km.provisioner.process.wait(5), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
