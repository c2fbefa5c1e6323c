"""tests/fixtures/llama-gguf: llama models as llama.cpp's converter writes them, with q and k stored for interleaved rope.

llama-f32.gguf holds llama-tiny; llama-q8_0.gguf and llama-q4_1.gguf hold a wider tied model (rows of 64 and 128 fill whole blocks).
The golden logits are transformers' on the weights that the file really holds (dequantised, un-permuted).
"""
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind, GGUFReader, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from golden import greedy
from models import CHAT, vocabulary
from tiny import FIXTURES, LLAMA, draw, load, token_ids, write_json

FOLDER = FIXTURES / "llama-gguf"
WIDE = LLAMA | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "rope_theta": 300.0, "tie_word_embeddings": True}
NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def gguf_name(key):
    """llama.cpp's name of a Hugging Face parameter."""
    stem = key.removesuffix(".weight")
    if stem.startswith("model.layers."):
        layer, part = stem.removeprefix("model.layers.").split(".", 1)
        return f"blk.{layer}.{NAMES[part]}.weight"
    return f"{NAMES[stem]}.weight"


def permute(weight, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute: rows i and i + half of a head become neighbours."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def unpermute(weight, heads):
    """The way back."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def heads_of(key, config):
    """The heads by which a tensor is permuted; None for all but q and k."""
    if "q_proj" in key or "attn_q." in key:
        return config.num_attention_heads
    return config.num_key_value_heads if "k_proj" in key or "attn_k." in key else None


def header(writer, config, file_type):
    """Architecture and tokenizer, with the keys of SmolLM2's files."""
    tokens, merges, special = vocabulary(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT)


def write(path, model, kind, file_type):
    """One file; norms stay F32, and a Q4_1 file keeps its embedding in Q8_0, as SmolLM2's does."""
    writer = GGUFWriter(path, "llama")
    header(writer, model.config, file_type)
    for key, value in sorted(model.named_parameters()):
        weight, heads = value.detach().numpy(), heads_of(key, model.config)
        weight = np.ascontiguousarray(permute(weight, heads) if heads else weight)
        use = Kind.F32 if weight.ndim == 1 else Kind.Q8_0 if "embed" in key and kind is not Kind.F32 else kind
        writer.add_tensor(gguf_name(key), quantize(weight, use), raw_dtype=use)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.no_grad()
def read_back(path, model):
    """The model with the weights of the file."""
    stored = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors}
    largest = 0.0
    for key, value in model.named_parameters():
        weight, heads = stored.pop(gguf_name(key)), heads_of(key, model.config)
        weight = torch.from_numpy(np.array(unpermute(weight, heads) if heads else weight))
        assert weight.shape == value.shape
        largest = max(largest, (weight - value).abs().max().item())
        value.copy_(weight)
    assert not stored
    return model, largest


def main():
    FOLDER.mkdir(exist_ok=True)
    ids = token_ids("llama-tiny", 21, 2, 12)
    wide = LlamaConfig(**{key: value for key, value in WIDE.items() if key not in ("architectures", "model_type")}, attn_implementation="eager")
    tensors, notes = {"ids": ids}, {}
    for name, kind, file_type in (("f32", Kind.F32, LlamaFileType.ALL_F32), ("q8_0", Kind.Q8_0, LlamaFileType.MOSTLY_Q8_0),
                                  ("q4_1", Kind.Q4_1, LlamaFileType.MOSTLY_Q4_1)):
        path = FOLDER / f"llama-{name}.gguf"
        model = load("llama-tiny") if name == "f32" else draw(LlamaForCausalLM(wide), 18).eval()
        write(path, model, kind, file_type)
        model, largest = read_back(path, model)
        with torch.no_grad():
            tensors[f"{name}.logits"] = model(ids).logits
        notes[name] = {"largest_weight_change": float(f"{largest:.2e}"), "greedy": greedy("llama-tiny", model)}
        print(f"{path.name}: {path.stat().st_size} bytes, weights changed by up to {largest:.4f}")
    assert notes["f32"]["largest_weight_change"] == 0
    save_file(tensors, FOLDER / "golden.safetensors")
    write_json(FOLDER / "golden.json", notes)


if __name__ == "__main__":
    main()
