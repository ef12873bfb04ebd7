"""A real model in Hugging Face's format with random weights, written by the library itself; needs the extra `transformers`."""

from __future__ import annotations

from pathlib import Path


def tiny_llama(folder: Path) -> Path:
    """A Llama of two small layers with a tokenizer of letters. What it says makes no sense; that it says it does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # type: ignore[import-not-found, unused-ignore]

    letters = ["Ġ", "Ċ", *(chr(code) for code in range(33, 127))]  # whole characters alone: half of one is not sent
    words = {sign: number for number, sign in enumerate(["<s>", "</s>", *letters])}
    spelled = Tokenizer(models.BPE(vocab=words, merges=[]))
    spelled.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelled.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=spelled, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
