//! What servers of models do wrong, and what they hold.

use super::{Phrase, phrase};

pub const HTTP_STATUS: Phrase = phrase("HTTP status {status}", "HTTP 状态 {status}");
pub const HTTP_STATUS_WAIT: Phrase =
    phrase("HTTP status {status}, it asks to wait {seconds} s", "HTTP 状态 {status}，要求等待 {seconds} 秒");
pub const TOO_MANY_REDIRECTS: Phrase = phrase("it redirects in circles", "重定向次数过多");
pub const OPEN_REDIRECT: Phrase = phrase("it redirects to {url}, which is not encrypted", "它重定向到未加密的 {url}");
pub const TOO_LONG_ANSWER: Phrase = phrase("its answer is longer than {most} bytes", "它的回答超过 {most} 字节");
pub const NOT_JSON: Phrase = phrase("its answer is not JSON ({cause})", "它的回答不是 JSON（{cause}）");
pub const NOT_A_LISTING: Phrase = phrase("its answer does not list the files of a model", "它的回答不是模型的文件列表");
pub const SILENT: Phrase = phrase("nothing came for {seconds} s", "{seconds} 秒内没有数据");
pub const PEM_WANTED: Phrase = phrase("a file with certificates in PEM form", "需要 PEM 格式的证书文件");
pub const CERTIFICATE: Phrase =
    phrase("{cause} (a company's proxy may need SSL_CERT_FILE=its certificates)", "{cause}（公司代理可能需要用 SSL_CERT_FILE 指定其证书）");
pub const WRONG_RANGE: Phrase = phrase("it sent another part of the file than was asked for", "它发送的不是所请求的文件部分");
pub const WRONG_LENGTH: Phrase = phrase("{given} bytes instead of {expected}", "有 {given} 字节，应为 {expected}");
pub const DAMAGED_PARTIAL: Phrase = phrase("what was fetched in parts does not fit together", "分段获取的内容不一致");
pub const FETCH_STOPPED: Phrase =
    phrase("{what}; what was fetched is kept, the same command goes on from there", "{what}；已获取的部分会保留，重复命令即可继续");
pub const HUB_NO_FILE: Phrase = phrase("it holds no `{file}`", "其中没有 `{file}`");
pub const HUB_HOLDS: Phrase = phrase("it holds {files}", "其中只有 {files}");
pub const HUB_ADAPTER_PICKLE: Phrase = phrase(
    "its adapter is adapter_model.bin only; write it anew with Python: PeftModel.from_pretrained(base, '{id}').save_pretrained('folder')",
    "它的适配器只有 adapter_model.bin；请用 Python 另存：PeftModel.from_pretrained(base, '{id}').save_pretrained('folder')",
);
pub const HUB_ONLY_PICKLE: Phrase = phrase(
    "it holds pytorch_model.bin only, a format that can run code. Where Python is, save it as safetensors: \
     `AutoModelForCausalLM.from_pretrained(\"{id}\").save_pretrained(\"FOLDER\")`, the tokenizer too, then `%load FOLDER`",
    "其中只有 pytorch_model.bin，这种格式可能执行代码。请在 Python 中另存为 safetensors：\
     `AutoModelForCausalLM.from_pretrained(\"{id}\").save_pretrained(\"FOLDER\")`，分词器同样保存，然后 `%load FOLDER`",
);
