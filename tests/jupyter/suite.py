"""jupyter_kernel_test, with every attribute that this kernel has something for."""

import os
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
    # Cells have outputs but no value; these are only for the history.
    code_execute_result = [{"code": f"!echo history {n}"} for n in (1, 2, 3)]
    code_history_pattern = "!echo history 1*"
    supported_history_operations = ("tail", "range", "search")

    @unittest.skip("no cell has a value: what it makes are charts, tables and text")
    def test_execute_result(self):
        pass


class Welcome(suite.IopubWelcomeTests):
    kernel_name = "lantern"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
