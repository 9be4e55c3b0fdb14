"""Generators that are named where a program or a maker gives its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import CREDITED, PROGRAMS, Text

# Of programs that generate images and do little else.
PROGRAM_NAMES = (
    r"Adobe Firefly", r"Midjourney", r"DALL[·\-. ]?E", r"ChatGPT", r"GPT-?4o", r"gpt-image",
    r"Stab(?:le|ility)[ _-]?Diffusion", r"stability\.ai", r"SDXL", r"AUTOMATIC1111", r"SD\.Next",
    r"NovelAI", r"InvokeAI", r"ComfyUI", r"(?:Ruined)?Fooocus", r"(?:Stable)?SwarmUI",
    r"Draw Things", r"DiffusionBee", r"Easy Diffusion", r"NMKD", r"FLUX\.[12]", r"Ideogram",
    r"reve\.com", r"Aphrodite AI", r"Leonardo\.[ ]?AI", r"krea\.ai", r"Playground AI",
    r"Bing Image Creator", r"Image Creator from Designer", r"Apple Image Playground",
    r"Image Playground", r"Google Imagen", r"Google Gemini", r"Nano Banana", r"Imagined with AI",
    r"Kling ?AI", r"即梦", r"豆包", r"Seedream", r"Qwen-?Image", r"Tongyi Wanxiang", r"通义万相",
    r"文心一格", r"Artbreeder", r"Craiyon", r"NightCafe", r"starryai", r"Dream by WOMBO",
    r"SeaArt(?:\.ai)?", r"Tensor\.Art", r"Civitai", r"getimg\.ai", r"Generated Photos",
    r"this ?person ?does ?not ?exist",
)  # fmt: skip
# Of such as are also names of people, or of companies that have photographs of their own.
ALSO_OTHERS = (
    r"OpenAI", r"Stability AI", r"Black Forest Labs", r"xAI", r"Grok", r"Meta AI", r"Gemini \d",
    r"Imagen [234]", r"Jimeng", r"Dreamina", r"Doubao", r"Hunyuan", r"Recraft", r"diffusers",
)  # fmt: skip
VERSION = r"(?:[ _-]*+(?:AI|XL|v?+\d[\w.]*+))*+"  # possessive: digits could be split in any way
# A program's name stands at the beginning, a maker's alone; others may be named beside them.
PROGRAM = re.compile(rf"\W*(?:{'|'.join(PROGRAM_NAMES + ALSO_OTHERS)})(?!\w)", re.IGNORECASE)
MAKER = re.compile(rf"(?:{'|'.join(PROGRAM_NAMES)}){VERSION}", re.IGNORECASE)
NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(PROGRAM_NAMES)})(?!\w)", re.IGNORECASE)
EDITED = re.compile(rf"edited (?:with|by|using|in) (?:{'|'.join(PROGRAM_NAMES)})", re.IGNORECASE)
EDITORS = ("software_agent", "image_editing_software")
LONGEST = 1_000  # characters of a name


def is_generator(program: str) -> bool:
    """Whether a program's name is that of a generator."""
    return PROGRAM.match(program[:LONGEST]) is not None


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    """A program of a history did a step, which may be a part of the image or all of it."""
    value = text.value[:LONGEST].strip()
    if text.name in EDITORS:
        claim = Claim.EDITED if NAMED.search(value) else None
    elif text.name in PROGRAMS:
        claim = Claim.AI if is_generator(value) else None
    elif text.name in CREDITED and MAKER.fullmatch(value):
        claim = Claim.AI
    else:
        claim = Claim.EDITED if text.name in CREDITED and EDITED.search(value) else None
    if claim:
        yield Finding(text.source, Tag.DECLARED, text.name, text.value, claim)
