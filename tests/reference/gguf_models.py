"""tests/fixtures/FAMILY-gguf: models as llama.cpp's converter writes them, in F32, and in blocks where the rows fill whole ones.

q and k rows of llama are stored for interleaved rope, GPT-2's Conv1D matrices transposed, llama 3's rope scaling as divisors in a tensor.
The golden logits are transformers' on the weights that the file really holds (dequantised, un-permuted).
"""
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind, GGUFReader, GGUFWriter, LlamaFileType
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from gguf_tokens import expected, metadata
from golden import greedy
from tiny import FIXTURES, GPT2, LLAMA, draw, llama_like, load, token_ids, write_json

# The wider models of the packed files: rows of 64 and 128 fill whole blocks.
WIDE = LLAMA | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "rope_theta": 300.0, "tie_word_embeddings": True}
WIDE_LIKE = {key: WIDE[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads", "rope_theta", "tie_word_embeddings")}

TALKING_GPT2 = GPT2 | {"vocab_size": 120, "bos_token_id": 1, "eos_token_id": 2}
FILES = {  # folder: kind of file: a tiny model, or seed and config of one of its own
    "llama": {"f32": "llama-tiny", "q8_0": (18, WIDE), "q4_1": (18, WIDE)},
    "llama3": {"f32": "llama3-tiny"},
    "qwen2": {"f32": "qwen2-tiny", "q8_0": (24, llama_like("Qwen2ForCausalLM", "qwen2", use_sliding_window=False, **WIDE_LIKE))},
    "qwen3": {"f32": "qwen3-tiny", "q8_0": (25, llama_like("Qwen3ForCausalLM", "qwen3", attention_bias=False, head_dim=16, **WIDE_LIKE))},
    "gpt2": {"f32": (26, TALKING_GPT2), "q8_0": (26, TALKING_GPT2 | {"n_embd": 64, "n_head": 4})},
    # A mistral of SentencePiece's time; in GGUF it is a llama.
    "mistral": {"q8_0": (27, llama_like("MistralForCausalLM", "mistral", sliding_window=None, vocab_size=400, **WIDE_LIKE))},
}
KINDS = {
    "f32": (Kind.F32, LlamaFileType.ALL_F32), "q8_0": (Kind.Q8_0, LlamaFileType.MOSTLY_Q8_0), "q4_1": (Kind.Q4_1, LlamaFileType.MOSTLY_Q4_1),
}
ARCHITECTURES = {"llama3": "llama", "mistral": "llama"}
NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm", "ln_1": "attn_norm",
    "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}


def gguf_name(key):
    """llama.cpp's name of a Hugging Face parameter."""
    stem, kind = key.rsplit(".", 1)
    for start in ("model.layers.", "transformer.h."):
        if stem.startswith(start):
            layer, part = stem.removeprefix(start).split(".", 1)
            return f"blk.{layer}.{NAMES[part]}.{kind}"
    return f"{NAMES[stem]}.{kind}"


def permute(weight, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute: rows i and i + half of a head become neighbours."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def unpermute(weight, heads):
    """The way back."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def turn(key, weight, model, back=False):
    """A weight as the file stores it, or `back` as transformers has it."""
    config = model.config
    if config.model_type == "gpt2" and weight.ndim == 2 and ".h." in key:
        return weight.T
    heads = config.num_attention_heads if "q_proj.w" in key else config.num_key_value_heads if "k_proj.w" in key else None
    if heads is None or config.model_type not in ("llama", "mistral"):
        return weight
    return (unpermute if back else permute)(weight, heads)


def divisors(config):
    """convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors: what llama 3 divides each frequency by."""
    rope, dims = config.rope_parameters, config.head_dim
    wavelengths = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, dims, 2, dtype=np.float64) / dims)
    context, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((context / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / rope["factor"] + smooth)).astype(np.float32)


def header(writer, name, config, file_type):
    """The keys that the converter writes for an architecture."""
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    if name == "gpt2":
        writer.add_feed_forward_length(4 * config.hidden_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        if name in ("llama3", "qwen3"):
            writer.add_key_length(config.head_dim)
            writer.add_value_length(config.head_dim)
        if not name.startswith("qwen"):
            writer.add_rope_dimension_count(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    metadata(writer, name)


def write(path, name, model, kind, file_type):
    """One file; vectors and positions stay F32, and a packed file keeps its embedding in Q8_0, as SmolLM2's does."""
    writer = GGUFWriter(path, ARCHITECTURES.get(name, name))
    header(writer, name, model.config, file_type)
    if name == "llama3":
        writer.add_tensor("rope_freqs.weight", divisors(model.config))
    for key, value in sorted(model.named_parameters()):
        weight = np.ascontiguousarray(turn(key, value.detach().numpy(), model))
        table = "embed" in key or "wte" in key
        use = Kind.F32 if weight.ndim == 1 or "wpe" in key else Kind.Q8_0 if table and kind is not Kind.F32 else kind
        writer.add_tensor(gguf_name(key), quantize(weight, use), raw_dtype=use)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.no_grad()
def read_back(path, model):
    """The model with the weights of the file."""
    stored = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors}
    stored.pop("rope_freqs.weight", None)
    largest = 0.0
    for key, value in model.named_parameters():
        weight = torch.from_numpy(np.array(turn(key, stored.pop(gguf_name(key)), model, back=True)))
        assert weight.shape == value.shape
        largest = max(largest, (weight - value).abs().max().item())
        value.copy_(weight)
    assert not stored
    return model, largest


def build(source):
    """A tiny model by its name, or one drawn as the tiny ones are."""
    if isinstance(source, str):
        return load(source)
    seed, config = source
    kept = {key: value for key, value in config.items() if key not in ("architectures", "model_type")}
    config = AutoConfig.for_model(config["model_type"], **kept)
    return draw(AutoModelForCausalLM.from_config(config, attn_implementation="eager"), seed).eval()


def main():
    for name, sources in FILES.items():
        folder = FIXTURES / f"{name}-gguf"
        folder.mkdir(exist_ok=True)
        size = 400 if name == "mistral" else 120
        ids = token_ids(size, 21, 2, 12)
        tensors, notes = {"ids": ids}, {}
        for kind, source in sources.items():
            path = folder / f"{name}-{kind}.gguf"
            model = build(source)
            write(path, name, model, *KINDS[kind])
            model, largest = read_back(path, model)
            with torch.no_grad():
                tensors[f"{kind}.logits"] = model(ids).logits
            notes[kind] = {"largest_weight_change": float(f"{largest:.2e}"), "greedy": greedy(size, model)}
            assert kind != "f32" or largest == 0
            print(f"{path.name}: {path.stat().st_size} bytes, weights changed by up to {largest:.4f}")
        if name != "llama":
            notes |= expected(name)
        save_file(tensors, folder / "golden.safetensors")
        write_json(folder / "golden.json", notes)


if __name__ == "__main__":
    main()
