"""Makes the inputs of the tiny study: two small texts and two models' folders without weights.

The texts come from a grammar with a Zipf-like vocabulary; the tokenizers are trained on them. The
two models differ in everything that a study must bridge: architecture (Llama, GPT-NeoX), width,
depth, and tokenizer (sentencepiece-like with byte fallback and BOS, byte-level without). Running
this again gives the same files, byte for byte.

    python resources/tiny/make.py [FOLDER]
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPTNeoXConfig, LlamaConfig, PreTrainedConfig, PreTrainedTokenizerFast

TEXTS = 250
CHARACTERS = 350

# Within a list, words are drawn with probability in proportion to 1 / rank.
TALES = {
    "NAME": "Anna Peter Zoë Marek Łukasz Ingrid Søren Chloé Tomás Yūki Björn Nadia Amélie Владимир",
    "WHO": "girl old-man fisherman miller widow king tailor shepherd wolf fox raven giant witch "
    "soldier merchant princess blacksmith beggar monk piper owl hare ferryman cook stranger",
    "THING": "lantern river key bread coat mill bell ring apple boat well door ladder mirror cloak "
    "basket candle flute sword stone feather acorn letter crown kettle spindle map drum coin",
    "WHERE": "forest village mountain harbour castle bridge garden valley tower island cave meadow "
    "market orchard kitchen chapel marsh crossroads cellar lighthouse",
    "HOW": "old small dark silver quiet red broken golden cold tall blind clever hungry lonely "
    "crooked gentle proud naïve weary enormous forgotten moss-grown",
    "DID": "found carried lost saw hid stole mended sold followed remembered opened painted broke "
    "buried guarded wished-for borrowed polished cursed",
    "WHEN": "then once at-night in-the-morning that-winter long-ago before-dawn after-the-feast "
    "seven-years-later",
    "SAID": "said whispered answered laughed cried asked sang muttered",
}
TALE_SENTENCES = (
    "WHEN the HOW WHO DID the THING near the WHERE .",
    "The WHO and the WHO DID a HOW THING .",
    "NAME DID the HOW THING , but the WHO DID it again .",
    "“ Where is my THING ? ” SAID NAME .",
    "“ I DID it in the HOW WHERE , ” SAID the WHO … and nobody believed it .",
    "There was a HOW WHERE , and in the WHERE lived a HOW WHO .",
    "NAME , who was HOW , DID NAME ’s THING — and the WHO DID nothing .",
    "WHEN it was HOW in the WHERE , and even the WHO was HOW .",
)
MANUAL = {
    "PART": "valve pump filter motor sensor panel switch cable gasket rotor fan belt battery lamp "
    "display bearing nozzle tank relay housing thermostat fuse lever drawer hose magnet clutch",
    "ACT": "check clean replace tighten remove open close reset lubricate inspect connect measure "
    "loosen calibrate rinse align disconnect recharge",
    "STATE": "loose dirty dry hot blocked damaged full noisy worn cold corroded locked overheated "
    "misaligned damp",
    "TIME": "every-week once-a-year after-each-use before-starting when-the-lamp-is-on every-month "
    "after-a-long-pause",
    "NUMBER": "2 5 10 3 20 8 15 50 100 7 250 12 1000 75",
    "UNIT": "mm °C minutes turns V µm bar seconds Ω litres 度",
    "MARK": "⚠ ✓ 🔧 → 注意",
}
MANUAL_SENTENCES = (
    "ACT the PART TIME .",
    "If the PART is STATE , ACT the PART and ACT the PART .",
    "The PART must not be STATE ; the limit is NUMBER UNIT .",
    "To ACT the PART , ACT the PART first and wait NUMBER UNIT .",
    "MARK Never ACT a STATE PART .",
    "The PART ( no. NUMBER ) drives the PART at NUMBER UNIT .",
    "A STATE PART means that the PART is STATE .",
    "ACT all PART screws to NUMBER UNIT , then ACT the PART TIME .",
)


def sentence(
    rng: np.random.Generator, words: dict[str, str], templates: Sequence[str]
) -> Iterator[str]:
    """Fill in one random template, token by token."""
    for token in templates[int(rng.integers(len(templates)))].split():
        if token in words:
            choices = words[token].split()
            weights = 1 / np.arange(1, len(choices) + 1)
            yield str(rng.choice(choices, p=weights / weights.sum())).replace("-", " ")
        else:
            yield token


def text(rng: np.random.Generator, words: dict[str, str], templates: Sequence[str]) -> str:
    """Write sentences until there are enough characters."""
    written = ""
    while len(written) < CHARACTERS:
        line = " ".join(sentence(rng, words, templates))
        for mark in (".", ",", ";", "?", "…", "’s", "”", ")"):
            line = line.replace(" " + mark, mark)
        line = line.replace("“ ", "“").replace("( ", "(")
        line = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", line)
        written += (" " if written else "") + line[0].upper() + line[1:]
    return written


def byte_level(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Train a GPT-2-like tokenizer: any text is a sequence of tokens of bytes, and no BOS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # GPT-2's own post-processor, which trims offsets.
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def byte_fallback(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Train a sentencepiece-like tokenizer: frequent characters, bytes for all others, and BOS."""
    special = ["<unk>", "<bos>", "<eos>"]
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(octets),
        special_tokens=special,
        limit_alphabet=60,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    learned = sorted(trained["vocab"], key=trained["vocab"].__getitem__)[len(special) :]
    tokenizer.model = models.BPE(
        vocab={token: id for id, token in enumerate([*special, *octets, *learned])},
        merges=[tuple(merge) for merge in trained["merges"]],
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", tokenizer.token_to_id("<bos>"))]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


def write_model(
    folder: Path, config: PreTrainedConfig, tokenizer: Tokenizer, **special: str
) -> None:
    """Write what a model's folder holds besides its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    content = config.to_diff_dict()
    # The files shall not change with the version of the library that wrote them.
    content.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=config.max_position_embeddings, **special
    ).save_pretrained(folder)


def main(folder: Path) -> None:
    """Write `tales.jsonl`, `manual.jsonl`, `llama/` and `neox/`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    texts = []
    for name, words, templates in (
        ("tales", TALES, TALE_SENTENCES),
        ("manual", MANUAL, MANUAL_SENTENCES),
    ):
        genre = [text(rng, words, templates) for _ in range(TEXTS)]
        lines = [json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in genre]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
        texts += genre

    tokenizer = byte_fallback(texts, 600)
    llama = LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=tokenizer.token_to_id("<bos>"),
        eos_token_id=tokenizer.token_to_id("<eos>"),
    )
    write_model(
        folder / "llama",
        llama,
        tokenizer,
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<eos>",
    )

    tokenizer = byte_level(texts, 400)
    end = tokenizer.token_to_id("<|endoftext|>")
    neox = GPTNeoXConfig(
        architectures=["GPTNeoXForCausalLM"],
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=end,
        eos_token_id=end,
    )
    write_model(folder / "neox", neox, tokenizer, eos_token="<|endoftext|>")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
