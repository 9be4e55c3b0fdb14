"""Generators that are named where a program or a maker gives its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import MAKERS, Text

NAMES = (
    r"Adobe Firefly", r"Midjourney", r"DALL[·\-. ]?E", r"ChatGPT", r"OpenAI", r"GPT-?4o",
    r"gpt-image", r"Stab(?:le|ility)[ _-]?Diffusion", r"Stability[ .]AI", r"SDXL",
    r"AUTOMATIC1111", r"SD\.Next",
    r"NovelAI", r"InvokeAI", r"ComfyUI", r"(?:Ruined)?Fooocus", r"(?:Stable)?SwarmUI",
    r"Draw Things", r"DiffusionBee", r"Easy Diffusion", r"NMKD", r"FLUX\.[12]",
    r"Black Forest Labs", r"Ideogram(?: AI)?", r"reve\.com", r"Aphrodite AI", r"Leonardo\.? ?AI",
    r"Recraft", r"krea\.ai", r"Playground AI", r"Image Creator", r"Image Playground",
    r"Google Imagen", r"Imagen [234]", r"Google Gemini", r"Gemini \d", r"Nano Banana",
    r"Grok", r"xAI", r"Meta AI", r"Imagined with AI", r"Kling ?AI", r"Jimeng", r"即梦", r"Dreamina",
    r"Doubao", r"豆包", r"Seedream", r"Qwen-?Image", r"Tongyi Wanxiang", r"通义万相",
    r"Hunyuan", r"文心一格", r"Artbreeder", r"Craiyon", r"NightCafe", r"starryai",
    r"Dream by WOMBO", r"SeaArt(?:\.ai)?", r"Tensor\.?Art", r"Civitai", r"getimg\.ai",
    r"Generated Photos", r"this ?person ?does ?not ?exist", r"diffusers",
)  # fmt: skip
LONGEST = 1_000  # characters of a name
NAMED = re.compile(rf"(?<![\w])(?:{'|'.join(NAMES)})(?![\w])", re.IGNORECASE)


def is_generator(name: str) -> bool:
    """Whether a program's or maker's name is, or holds, that of a generator."""
    return NAMED.search(name[:LONGEST]) is not None


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """A program of a history did a step, which may be a part of the image or all of it."""
    if text.name in MAKERS and is_generator(text.value):
        claim = Claim.EDITED if text.name == "software_agent" else Claim.AI
        yield Finding(text.source, Tag.DECLARED, text.name, text.value, claim)
