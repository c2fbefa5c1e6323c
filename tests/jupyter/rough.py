"""Bad frames, clients that vanish or stop reading, a parent that dies: the kernel goes on, or goes."""

import contextlib
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import zmq
from client import Client, kernel, kinds, text
from jupyter_client.manager import KernelManager


class Rough(unittest.TestCase):
    def test_a_thousand_bad_messages_harm_nothing(self):
        rng = random.Random(20)
        with kernel() as client:
            info = client.km.get_connection_info(session=False)
            context = zmq.Context.instance()
            dealers = []
            for port in (info["shell_port"], info["control_port"], info["stdin_port"]):
                dealer = context.socket(zmq.DEALER)
                dealer.linger = 0
                dealer.connect(f"tcp://127.0.0.1:{port}")
                dealers.append(dealer)
            good = client.kc.session.serialize(client.kc.session.msg("execute_request", {"code": "!echo bad"}))
            for _ in range(1000):
                rng.choice(dealers).send_multipart(bad(rng, good))
            # One that is well signed but says nothing sensible.
            msg = client.kc.session.msg("execute_request", {"code": 7, "silent": "x"})
            client.kc.shell_channel.send(msg)
            client.reply(msg["header"]["msg_id"])
            client.outputs(msg["header"]["msg_id"])
            for dealer in dealers:
                dealer.close()
            reply, messages = client.run("!echo good")
            self.assertEqual((reply["content"]["status"], text(messages)), ("ok", "good\n"))
            self.assertEqual(client.control("kernel_info_request")["content"]["status"], "ok")

    def test_bytes_that_are_not_zeromq(self):
        rng = random.Random(21)
        with kernel() as client:
            info = client.km.get_connection_info(session=False)
            for port in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"):
                for _ in range(5):
                    with socket.create_connection(("127.0.0.1", info[port])) as raw:
                        raw.sendall(rng.randbytes(rng.randrange(1, 200)))
            self.assertEqual(client.run("!echo good")[0]["content"]["status"], "ok")

    def test_a_client_that_vanishes_before_the_reply(self):
        with kernel() as client:
            other = client.another()
            with held() as (command, go):
                cell = other.kc.execute(command)
                other.until(cell, lambda m: m["msg_type"] == "stream")
                other.kc.stop_channels()
                go()
            reply, messages = client.run("!echo here")
            self.assertEqual((reply["content"]["status"], text(messages)), ("ok", "here\n"))

    def test_a_client_that_vanishes_before_it_is_asked(self):
        with kernel() as client:
            other = client.another()
            with held() as (command, go):
                cell = other.kc.execute(command + "\n%input", allow_stdin=True)
                other.until(cell, lambda m: m["msg_type"] == "stream")
                other.kc.stop_channels()
                go()
            self.assertEqual(client.run("!echo here")[0]["content"]["status"], "ok")

    def test_a_client_that_comes_back_as_itself(self):
        with kernel() as client:
            again = client.another(same=True)
            self.assertEqual(again.run("!echo one")[0]["content"]["status"], "ok")
            client.kc.stop_channels()
            self.assertEqual(again.run("!echo two")[0]["content"]["status"], "ok")
            cell = again.kc.execute("%input", allow_stdin=True)
            again.kc.get_stdin_msg(timeout=10)
            again.kc.input("yes")
            self.assertEqual(again.reply(cell)["content"]["status"], "ok")
            again.kc.stop_channels()
            third = client.another(same=True)
            self.assertEqual(third.run("!echo three")[0]["content"]["status"], "ok")
            third.kc.stop_channels()

    def test_a_subscriber_that_stops_reading_holds_up_nobody(self):
        with kernel() as client:
            stalled = subscriber(client)
            begun = time.monotonic()
            reply, messages = client.run("!seq 1000000")
            self.assertEqual(reply["content"]["status"], "ok")
            self.assertEqual(kinds(messages)[-1], "idle")
            self.assertEqual(text(messages).count("\n"), 1000000)
            self.assertLess(time.monotonic() - begun, 30)
            stalled.close()

    def test_a_subscriber_that_vanishes_in_the_middle_of_an_output(self):
        with kernel() as client:
            leaving = subscriber(client)
            cell = client.kc.execute("!seq 1000000")
            self.assertTrue(leaving.recv(4096))
            reset(leaving)
            self.assertEqual(client.reply(cell)["content"]["status"], "ok")
            self.assertEqual(text(client.outputs(cell)).count("\n"), 1000000)

    def test_a_client_that_vanishes_in_the_middle_of_a_reply(self):
        with kernel() as client:
            pages = "\n".join(["%help", *["%train?"] * 3000])
            frames = client.kc.session.serialize(client.kc.session.msg("execute_request", {"code": pages}))
            leaving = connect(client, "shell_port", "DEALER")
            leaving.sendall(b"".join(zmtp(frames)))
            self.assertTrue(leaving.recv(4096))
            reset(leaving)
            self.assertEqual(client.run("!echo here")[0]["content"]["status"], "ok")

    def test_frames_that_promise_too_much(self):
        with kernel() as client:
            for port in ("shell_port", "iopub_port", "stdin_port", "control_port"):
                for size in (2**63, 2**62, 2**50):
                    with connect(client, port, "DEALER") as raw:
                        raw.sendall(b"\x02" + size.to_bytes(8, "big") + b"x")
                        # It is let go at once.
                        while raw.recv(4096):
                            pass
            self.assertEqual(client.run("!echo good")[0]["content"]["status"], "ok")

    def test_two_clients_see_each_others_cells(self):
        with kernel() as client:
            other = client.another()
            cell = client.kc.execute("!echo one")
            self.assertEqual(text(other.outputs(cell)), "one\n")
            other.kc.stop_channels()

    def test_sockets_in_the_file_system(self):
        km = KernelManager(kernel_name="lantern", transport="ipc")
        km.start_kernel()
        kc = km.client()
        kc.start_channels()
        kc.wait_for_ready(timeout=20)
        client = Client(km, kc)
        self.assertEqual(text(client.run("!echo ipc")[1]), "ipc\n")
        client.control("shutdown_request", {"restart": False})
        self.assertEqual(km.provisioner.process.wait(5), 0)
        self.assertFalse(os.path.exists(f"{km.ip}-{km.shell_port}"))
        kc.stop_channels()

    def test_an_orphan_goes(self):
        script = ("import sys\nfrom jupyter_client.manager import start_new_kernel\n"
                  "km, kc = start_new_kernel(kernel_name='lantern')\nprint(km.provisioner.pid, flush=True)\nsys.stdin.read()\n")
        parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        self.assertTrue(ends(pid, 2), "the kernel outlives its parent")
        parent.stdin.close()
        parent.stdout.close()


def bad(rng, good):
    """A message with something wrong: cut, unsigned, mixed up, noise."""
    frames = list(good)
    kind = rng.randrange(6)
    if kind == 0:
        return frames[: rng.randrange(1, len(frames) - 1)]
    if kind == 1:
        frames[1] = b"" if rng.random() < 0.5 else rng.randbytes(64)
    elif kind == 2:
        frames[rng.randrange(2, 6)] = rng.randbytes(rng.randrange(0, 100))
    elif kind == 3:
        return [rng.randbytes(rng.randrange(0, 50)) for _ in range(rng.randrange(1, 8))]
    elif kind == 4:
        del frames[0]
    else:
        frames[2], frames[5] = frames[5], frames[2]
    return frames


@contextlib.contextmanager
def held():
    """A command that prints a line and waits, and a function that lets it end."""
    with tempfile.TemporaryDirectory() as folder:
        go = os.path.join(folder, "go")
        yield f"!echo started; while [ -d {folder} -a ! -e {go} ]; do sleep 0.02; done", lambda: open(go, "w").close()


def connect(client, port, role):
    """A socket by hand, so that nothing reads behind our back; hands are shaken."""
    info = client.km.get_connection_info(session=False)
    raw = socket.create_connection(("127.0.0.1", info[port]))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(10)
    ready = b"\x05READY\x0bSocket-Type" + len(role).to_bytes(4, "big") + role.encode()
    raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48) + bytes([4, len(ready)]) + ready)
    heard = b""
    while b"READY" not in heard or not heard.split(b"READY", 1)[1]:
        heard += raw.recv(1)
    # The kernel's READY names its type and nothing else.
    rest = heard[heard.index(b"READY") - 2] - 6 - len(heard.split(b"READY", 1)[1])
    while rest > 0:
        rest -= len(raw.recv(rest))
    return raw


def subscriber(client):
    """One that hears everything, and has been welcomed."""
    raw = connect(client, "iopub_port", "SUB")
    raw.sendall(b"\x00\x01\x01")
    heard = b""
    while b"iopub_welcome" not in heard:
        heard += raw.recv(4096)
    return raw


def zmtp(frames):
    """The bytes of one message."""
    for i, frame in enumerate(frames):
        more = i + 1 < len(frames)
        yield bytes([more, len(frame)]) + frame if len(frame) < 256 else bytes([more | 2]) + len(frame).to_bytes(8, "big") + frame


def reset(raw):
    """Closes as a process that is killed does, without a word."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def ends(pid, seconds):
    """Whether the process is over within this time."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)


if __name__ == "__main__":
    unittest.main(verbosity=2)
