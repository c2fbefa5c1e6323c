"""A client for the tests: starts the kernel, collects what it says."""

import contextlib
import time

from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

TIMEOUT = 20


class Client:
    def __init__(self, km, kc):
        self.km, self.kc = km, kc

    def reply(self, msg_id, timeout=TIMEOUT):
        """The reply on shell to `msg_id`; others are passed over."""
        until = time.monotonic() + timeout
        while True:
            msg = self.kc.get_shell_msg(timeout=max(until - time.monotonic(), 0.01))
            if msg["parent_header"].get("msg_id") == msg_id:
                return msg

    def control(self, kind, content=None, timeout=TIMEOUT):
        msg = self.kc.session.msg(kind, content or {})
        self.kc.control_channel.send(msg)
        until = time.monotonic() + timeout
        while True:
            got = self.kc.get_control_msg(timeout=max(until - time.monotonic(), 0.01))
            if got["parent_header"].get("msg_id") == msg["header"]["msg_id"]:
                return got

    def ask(self, kind, **content):
        """Any request on shell, and its reply."""
        msg = self.kc.session.msg(kind, content)
        self.kc.shell_channel.send(msg)
        return self.reply(msg["header"]["msg_id"])

    def outputs(self, msg_id, timeout=TIMEOUT):
        """What iopub says about `msg_id`, up to its idle."""
        until, found = time.monotonic() + timeout, []
        while True:
            msg = self.kc.get_iopub_msg(timeout=max(until - time.monotonic(), 0.01))
            if msg["parent_header"].get("msg_id") != msg_id:
                continue
            found.append(msg)
            if msg["msg_type"] == "status" and msg["content"]["execution_state"] == "idle":
                return found

    def until(self, msg_id, want, timeout=TIMEOUT):
        """The first iopub message about `msg_id` for which `want(message)` holds."""
        end = time.monotonic() + timeout
        while True:
            msg = self.kc.get_iopub_msg(timeout=max(end - time.monotonic(), 0.01))
            if msg["parent_header"].get("msg_id") == msg_id and want(msg):
                return msg

    def run(self, code, **options):
        """Runs a cell: its reply and its iopub messages."""
        msg_id = self.kc.execute(code, **options)
        return self.reply(msg_id), self.outputs(msg_id)

    def silence(self, *msg_ids, timeout=TIMEOUT):
        """Reads iopub until all of these requests are idle."""
        left, end = set(msg_ids), time.monotonic() + timeout
        while left:
            msg = self.kc.get_iopub_msg(timeout=max(end - time.monotonic(), 0.01))
            if msg["msg_type"] == "status" and msg["content"]["execution_state"] == "idle":
                left.discard(msg["parent_header"].get("msg_id"))

    def another(self, same=False):
        """A second client, with a session of its own, or (`same`) with the identity of this one, as after a reconnect."""
        kc = self.km.client() if same else BlockingKernelClient(connection_file=self.km.connection_file)
        if not same:
            kc.load_connection_file()
        kc.start_channels()
        kc.wait_for_ready(timeout=TIMEOUT)
        return Client(self.km, kc)


@contextlib.contextmanager
def kernel(**options):
    km, kc = start_new_kernel(kernel_name="lantern", startup_timeout=TIMEOUT, **options)
    client = Client(km, kc)
    try:
        yield client
    finally:
        kc.stop_channels()
        if km.has_kernel:
            km.shutdown_kernel(now=True)


def text(messages, name="stdout"):
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream" and m["content"]["name"] == name)


def kinds(messages):
    return [m["content"].get("execution_state", m["msg_type"]) for m in messages]
