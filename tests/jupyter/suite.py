"""jupyter_kernel_test with every attribute set; what is skipped counts as failed."""

import os
import sys
import unittest

import jupyter_kernel_test as suite


MODEL = os.path.join(os.environ["LANTERN_FIXTURES"], "llama-tiny")


class Kernel(suite.KernelTests):
    kernel_name = "lantern"
    language_name = "lantern"
    file_extension = ".lantern"
    code_hello_world = "!echo hello, world"
    code_stderr = "!echo oops >&2"
    completion_samples = [
        {"text": "%lsm", "matches": {"%lsmagic"}},
        {"text": "%seed?", "matches": set()},
    ]
    complete_code_samples = ["%lsmagic", "!echo x", "%seed?", "let x = 1;"]
    incomplete_code_samples = ["fn f() {", "let x = ("]
    invalid_code_samples = ["fn f() }"]
    code_page_something = "%lsmagic?"
    code_generate_error = "%nosuch"
    code_inspect_sample = "%seed"
    code_clear_output = "%clear"
    code_display_data = [
        {"code": "%lsmagic", "mime": "text/html"},
        {"code": f"%load {MODEL}\n%tokens Hi", "mime": "text/html"},
        {"code": f"%load {MODEL}\n%next Hi", "mime": "image/svg+xml"},
    ]
    code_execute_result = [
        {"code": "%seed 1 --json", "result": '{"seed":1}'},
        {"code": "%seed 2 --json", "result": {"seed": 2}, "mime": "application/json"},
        {"code": "%lang --json", "result": '{"lang":"en"}'},
    ]
    code_history_pattern = "%seed 1*"
    supported_history_operations = ("tail", "range", "search")


class Welcome(suite.IopubWelcomeTests):
    kernel_name = "lantern"
    support_iopub_welcome = True


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False).result
    print("skipped:", result.skipped)
    sys.exit(not result.wasSuccessful() or bool(result.skipped))
