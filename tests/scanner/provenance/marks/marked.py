"""Files with a mark in each of the places where programs leave one, and such as only look so."""

from __future__ import annotations

import json

from scanner.record import Origin
from tests.scanner.provenance import writing as write

A1111 = (
    "a gull over the sea, best quality\nNegative prompt: boat\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: 6ce0161689, "
    "Model: v1-5-pruned, Version: f2.0.1v1.10.1"
)
GRAPH = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    }
)
# As ComfyUI writes it into the fields of a camera, too.
WORKFLOW = '{"last_node_id": 9, "nodes": [], "links": []}'
SWARM = '{"sui_image_params": {"prompt": "a gull", "model": "flux", "seed": 1, "steps": 4}}'
FOOOCUS = '{"prompt": "a gull", "base_model": "jugger", "steps": 30, "version": "Fooocus v2.5.5"}'
RUINED = '{"Prompt": "a gull", "base_model_name": "sdxl", "software": "RuinedFooocus"}'
DRAW_THINGS = '{"c":"a gull","uc":"","model":"sd_v1.5","sampler":"Euler","steps":20,"v2":{}}'
NOVELAI = '{"Description": "a gull", "Software": "NovelAI", "Comment": "{\\"steps\\": 28}"}'
NMKD = '{"prompt": "a gull", "promptNeg": "", "steps": 25, "seed": 1, "sampler": "euler"}'
LABEL = '{"Label":"1","ContentProducer":"001191110102MACQD9K64010000","ProduceID":"f1"}'
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
JOB = f"a gull --ar 3:2 --v 6 Job ID: {UUID}"
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI, EDITED, CAMERA = Origin.AI_DECLARED, Origin.EDITED_DECLARED, Origin.CAMERA_DECLARED
SIGNATURE = "Signature: " + "AbCd0123" * 12 + "=="
XAP = {"xmp:CreatorTool": "Adobe Photoshop 25.0"}
AGENT = '<xmpMM:History><rdf:Seq><rdf:li stEvt:softwareAgent="{}"/></rdf:Seq></xmpMM:History>'
REMOVED = '<crs:{0}><rdf:Seq><rdf:li crs:fill_method="{1}"/></rdf:Seq></crs:{0}>'

# What is written, from whose mark the claim is, and the origin.
MARKED: dict[str, tuple[bytes, str, Origin]] = {
    "a1111 in PNG": (write.png(parameters=A1111), "a1111", AI),
    "a1111 of an upscaler": (write.png(postprocessing=A1111), "a1111", AI),
    "a1111 in a comment of UTF-16BE": (
        write.exif({write.COMMENT: write.UNICODE + A1111.encode("utf-16-be")}), "a1111", AI,
    ),
    "a1111 in a comment of UTF-16LE": (
        write.exif({write.COMMENT: write.UNICODE + A1111.encode("utf-16-le")}, "WEBP"), "a1111", AI,
    ),
    "a1111 behind a byte order mark": (
        write.exif({write.COMMENT: write.UNICODE + A1111.encode("utf-16")}), "a1111", AI,
    ),
    "a1111 in a comment of another encoding than it says": (
        write.exif({write.COMMENT: write.ASCII + A1111.encode("utf-16-be")}), "a1111", AI,
    ),
    "a1111 in a comment without an encoding": (
        write.exif({write.COMMENT: A1111.encode()}, "PNG"), "a1111", AI,
    ),
    "a1111 in a Japanese comment": (
        write.exif({write.COMMENT: write.JIS + ("海鳥\n" + A1111).encode("shift_jis")}),
        "a1111", AI,
    ),
    "a1111 with a header of another spelling": (
        write.exif({write.COMMENT: b"Unicode\0" + A1111.encode("utf-16-be")}), "a1111", AI,
    ),
    "a1111 in UTF-32": (write.exif({write.COMMENT: A1111.encode("utf-32")}), "a1111", AI),
    "a1111 without blanks": (write.png(parameters="x\nSteps:20, Seed:1"), "a1111", AI),
    "a1111 in XPComment": (
        write.exif({write.XP_COMMENT: A1111.encode("utf-16-le")}), "a1111", AI,
    ),
    "a1111 in ImageDescription": (write.exif({write.IMAGE: A1111}), "a1111", AI),
    "a1111 in a TIFF": (write.exif({write.IMAGE: A1111}, "TIFF"), "a1111", AI),
    "a1111 in an AVIF": (write.exif({write.IMAGE: A1111}, "AVIF"), "a1111", AI),
    "a1111 in a JPEG comment": (write.comment(A1111.encode()), "a1111", AI),
    "a1111 in a GIF comment": (write.saved("GIF", comment=A1111.encode()), "a1111", AI),
    "a1111 in a caption": (write.iptc({120: A1111.encode()}), "a1111", AI),
    "a1111 in XMP": (write.xmp({"dc:description": A1111}), "a1111", AI),
    "comfyui in PNG": (write.png(prompt=GRAPH), "comfyui", AI),
    "comfyui's workflow in PNG": (write.png(workflow=WORKFLOW), "comfyui", AI),
    "comfyui in the fields of a camera": (
        write.exif({write.MAKE: f"workflow:{WORKFLOW}", write.MODEL: f"prompt:{GRAPH}"}, "WEBP"),
        "comfyui", AI,
    ),
    "comfyui in ImageDescription": (
        write.exif({write.IMAGE: f"Workflow: {WORKFLOW}"}), "comfyui", AI,
    ),
    "comfyui in a user comment": (
        write.exif({write.COMMENT: write.ASCII + f'{{"prompt": {GRAPH}}}'.encode()}), "comfyui", AI,
    ),
    "comfyui in XMP": (write.xmp({"own:graph": GRAPH}), "comfyui", AI),
    "swarmui in PNG": (write.png(parameters=SWARM), "swarmui", AI),
    "swarmui in a user comment": (
        write.exif({write.COMMENT: write.UNICODE + SWARM.encode("utf-16-le")}), "swarmui", AI,
    ),
    "swarmui in the camera's model": (write.exif({write.MODEL: SWARM}), "swarmui", AI),
    "fooocus in PNG": (write.png(parameters=FOOOCUS), "fooocus", AI),
    "fooocus by its scheme": (write.png(fooocus_scheme="a1111"), "fooocus", AI),
    "fooocus in EXIF": (
        write.exif({write.SOFTWARE: "Fooocus v2.5.5", write.COMMENT: FOOOCUS.encode()}),
        "fooocus", AI,
    ),
    "ruined fooocus": (write.png(parameters=RUINED), "fooocus", AI),
    "invokeai": (write.png(invokeai_metadata='{"app_version":"4.2.0"}'), "invokeai", AI),
    "invokeai, version 2": (write.png(**{"sd-metadata": '{"image": {}}'}), "invokeai", AI),
    "invokeai, version 1": (write.png(Dream='"a gull" -s 50 -S 42 -W 512'), "invokeai", AI),
    "novelai in PNG": (write.png(Software="NovelAI", Comment='{"steps": 28}'), "novelai", AI),
    "novelai by its title": (
        write.png(Title="NovelAI generated image", Source="Stable Diffusion"), "novelai", AI,
    ),
    "novelai in WebP": (
        write.exif({write.COMMENT: write.ASCII + NOVELAI.encode()}, "WEBP"), "novelai", AI,
    ),
    "draw things": (write.xmp({"exif:UserComment": DRAW_THINGS}), "draw_things", AI),
    "draw things in a list of languages": (
        write.xmp(
            elements="<exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>"
            f"{DRAW_THINGS}</rdf:li></rdf:Alt></exif:UserComment>"
        ),
        "draw_things", AI,
    ),
    "easy diffusion": (
        write.png(prompt="a gull", seed="1", use_stable_diffusion_model="sd"), "easy_diffusion", AI,
    ),
    "easy diffusion in words": (
        write.png(Prompt="a gull", Stable__Diffusion__model="sd-v1-4"), "easy_diffusion", AI,
    ),
    "easy diffusion in a user comment": (
        write.exif({write.COMMENT: b'{"prompt": "a gull", "use_stable_diffusion_model": "sd"}'}),
        "easy_diffusion", AI,
    ),
    "settings of any program": (write.png(GenerationInfo=NMKD), "diffusion", AI),
    "settings within others": (write.png(meta=f'{{"generation": {NMKD}}}'), "diffusion", AI),
    "midjourney in PNG": (write.png(Description=JOB, Author="a user"), "midjourney", AI),
    "midjourney in XMP": (
        write.xmp({"dc:description": "a gull --v 6 Job ID: 7f"}), "midjourney", AI,
    ),
    "midjourney in a caption": (write.iptc({120: JOB.encode()}), "midjourney", AI),
    "grok": (write.exif({write.IMAGE: SIGNATURE, write.ARTIST: UUID}), "grok", AI),
    "grok, a short one with its number": (
        write.exif({write.IMAGE: "Signature: AbCdEf0123456789==", write.ARTIST: UUID}), "grok", AI,
    ),
    "China's label in PNG": (write.png(AIGC=LABEL), "aigc_label", AI),
    "China's label in XMP": (write.xmp({"TC260:AIGC": LABEL}), "aigc_label", AI),
    "China's label in an element": (
        write.xmp(elements=f"<TC260:AIGC>{LABEL}</TC260:AIGC>"), "aigc_label", AI,
    ),
    "China's label spelled out in XMP": (write.xmp({"TC260:Label": "1"}), "aigc_label", AI),
    "China's label in a user comment": (
        write.exif({write.COMMENT: write.ASCII + f'{{"AIGC": {LABEL}}}'.encode()}),
        "aigc_label", AI,
    ),
    "China's label of before the standard": (
        write.exif({write.IMAGE: '{"AIGC":{"ServiceProvider":"x","Time":"1"}}'}), "aigc_label", AI,
    ),
    "China's label in Chinese": (
        write.exif(
            {write.COMMENT: write.UNICODE + '{"AIGC":{"Label":"1","单位":"腾讯"}}'.encode("utf-16")}
        ),
        "aigc_label", AI,
    ),
    "China's label as text within JSON": (
        write.exif({write.IMAGE: json.dumps({"AIGC": LABEL})}), "aigc_label", AI,
    ),
    "China's label in small letters": (write.png(meta='{"aigc":{"label":"1"}}'), "aigc_label", AI),
    "China's label in a segment": (
        write.with_segments(write.segment(0xE9, b"AIGC" + LABEL.encode())), "aigc_label", AI,
    ),
    "ByteDance's label": (
        write.exif({write.COMMENT: b'{"aigc_info":{"aigc_label_type":1}}'}), "bytedance", AI,
    ),
    "dreamina": (
        write.exif({write.IMAGE: '{"product":"dreamina","exportType":"generation"}'}),
        "bytedance", AI,
    ),
    "IPTC's type": (
        write.xmp({"Iptc4xmpExt:DigitalSourceType": f"{TYPE}trainedAlgorithmicMedia"}), "iptc", AI,
    ),
    "IPTC's type, first spelling": (
        write.xmp({"Iptc4xmpExt:DigitalSourcefileType": "trainedAlgorithmicMedia"}), "iptc", AI,
    ),
    "IPTC's type, Apple's spelling": (
        write.xmp({"Iptc4xmpExt:DigitalSourceFileType": "TrainedAlgorithmicMedia"}), "iptc", AI,
    ),
    "IPTC's type of an edit": (
        write.xmp({"Iptc4xmpExt:DigitalSourceType": f"{TYPE}compositeWithTrainedAlgorithmicMedia"}),
        "iptc", EDITED,
    ),
    "IPTC's type of a camera": (
        write.xmp({"Iptc4xmpExt:DigitalSourceType": f"{TYPE}digitalCapture"}), "iptc", CAMERA,
    ),
    "IPTC's type alone in any text": (
        write.png(Source=f"{TYPE}trainedAlgorithmicMedia"), "iptc", AI,
    ),
    "IPTC's system": (write.xmp({"Iptc4xmpExt:AISystemUsed": "Google Gemini"}), "iptc", AI),
    "IPTC's system that made a part": (
        write.xmp(
            {
                "Iptc4xmpExt:AISystemUsed": "Google Gemini",
                "Iptc4xmpExt:DigitalSourceType": "compositeWithTrainedAlgorithmicMedia",
            }
        ),
        "iptc", EDITED,
    ),
    "Google's credit": (write.xmp({"photoshop:Credit": "Made with Google AI"}), "xmp", AI),
    "Google's credit in IIM": (write.iptc({110: b"Made with Google AI"}), "iptc", AI),
    "Google's credit of an edit": (
        write.xmp({"photoshop:Credit": "Edited with Google AI"}), "xmp", EDITED,
    ),
    "OpenAI's credit": (write.xmp({"photoshop:Credit": "Created with OpenAI"}), "xmp", AI),
    "Apple's credit": (write.xmp({"photoshop:Credit": "Apple Image Playground"}), "xmp", AI),
    "Apple's Clean Up": (write.iptc({110: b"Apple Photos Clean Up"}), "iptc", EDITED),
    "a generator as the software": (write.exif({write.SOFTWARE: "DALL-E 3"}), "exif", AI),
    "a generator as the creator tool": (
        write.xmp({"xmp:CreatorTool": "Adobe Firefly 3.0"}), "xmp", AI,
    ),
    "a generator as the camera": (write.exif({write.MAKE: "Ideogram AI"}), "exif", AI),
    "a generator in a history": (
        write.xmp(XAP, AGENT.format("Adobe Firefly")), "xmp", EDITED,
    ),
    "Lightroom's removal": (
        write.xmp(XAP, REMOVED.format("RemoveAreas", "firefly")), "adobe", EDITED,
    ),
    "Lightroom's removal, older": (
        write.xmp(XAP, REMOVED.format("RetouchAreas", "firefly")), "adobe", EDITED,
    ),
    "Samsung's mark": (
        write.samsung(write.saved("JPEG"), PEg_Info=b'{"genImageVersion":"v1"}'), "samsung", EDITED,
    ),
    "Samsung's mark in the notes of its editor": (
        write.samsung(
            write.saved("JPEG"), Image_UTC_Data=b"1",
            PhotoEditor_Re_Edit_Data=b'{"isBlending":false,"genAIType":5}',
        ),
        "samsung", EDITED,
    ),
    "Samsung's mark behind a PNG": (
        write.samsung(write.saved("PNG"), PEg_Info=b'{"genAIType":1}') + b"left behind",
        "samsung", EDITED,
    ),
    "a camera": (write.exif({write.MAKE: "Acme", write.MODEL: "One"}), "exif", CAMERA),
    "a camera in XMP": (write.xmp({"tiff:Make": "Acme"}), "xmp", CAMERA),
}  # fmt: skip
BIRD = '{"class_type":"bird","site":"A3"}'
PANTRY = "<xmpMM:Pantry><rdf:Bag><rdf:li><rdf:Description {}/></rdf:li></rdf:Bag></xmpMM:Pantry>"
MADE_OF_AI = f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"'
UNMARKED: dict[str, bytes] = {
    "a photographer's steps": write.exif({write.COMMENT: write.ASCII + b"Steps: 3, mind the gap"}),
    "a recipe": write.iptc({120: b"Granola. Steps: 5 in all. Seed: pumpkin, 50 g"}),
    "a word under ComfyUI's key": write.png(prompt="just a word"),
    "a question under ComfyUI's key": write.png(prompt='{"question": "what is it?"}'),
    "a workflow of another kind": write.png(workflow='{"name": "RAW development", "nodes": 3}'),
    "a bird's class": write.exif({write.COMMENT: write.ASCII + BIRD.encode()}),
    "JSON under a key of nobody's": write.png(meta='{"prompt": "enter a name", "seed": 1}'),
    "a walk": write.png(meta='{"prompt": "Walk a mile", "steps": 2011, "seed": "wheat"}'),
    "a scheme of metadata": write.png(meta='{"metadata_scheme": "Dublin Core", "title": "x"}'),
    "a program that is none": write.png(meta='{"software": "exported; no fooocus"}'),
    "a caption about a generator": write.iptc({120: b"Midjourney and DALL-E at a fair"}),
    "a caption about an edit": write.xmp({"dc:description": "Not edited with Google AI, she said"}),
    "a caption that quotes a type": write.iptc(
        {120: f"labelled {TYPE}trainedAlgorithmicMedia".encode()}
    ),
    "a keyword": write.xmp(elements="<dc:subject>AI-generated content</dc:subject>"),
    "a headline": write.xmp({"photoshop:Headline": "AI-generated content"}),
    "an editor": write.xmp(XAP, AGENT.format("Adobe Photoshop 25.0 (Windows)")),
    "an editor that has a plug-in": write.exif(
        {write.SOFTWARE: "GIMP 2.10, Stable Diffusion plug-in for denoise"}
    ),
    "classical removal": write.xmp(XAP, REMOVED.format("RetouchAreas", "patchmatch")),
    "an algorithm that learnt nothing": write.xmp(
        {"Iptc4xmpExt:DigitalSourceType": f"{TYPE}algorithmicMedia"}
    ),
    "no system": write.xmp({"Iptc4xmpExt:AISystemUsed": "None"}),
    "a label that only suspects": write.png(AIGC='{"Label":"3"}'),
    "a label that says possibly": write.png(AIGC='{"Label":"2","ContentProducer":"x"}'),
    "a label that denies it": write.exif({write.COMMENT: b'{"AIGC":{"Label":"0"}}'}),
    "a setting of an app": write.exif({write.COMMENT: b'{"app":"gallery","aigc":false}'}),
    "an empty label": write.png(AIGC="{}"),
    "an export of CapCut": write.exif({write.COMMENT: b'{"product":"lv","aigc_type":0}'}),
    "Samsung's editor": write.samsung(
        write.saved("JPEG"), PhotoEditor_Re_Edit_Data=b'{"isBlending":false,"genAIType":0}'
    ),
    "an opt-out": write.xmp({"own:DataMining": "DMI-PROHIBITED-GENAIMLTRAINING"}),
    "a signature of no kind": write.exif({write.IMAGE: SIGNATURE}),
    "a job of no painter's": write.png(Comment="print Job ID: 7f, two copies"),
    "a job of a laboratory": write.exif({write.IMAGE: f"Scanned by the lab, Job ID: {UUID}"}),
    "a computer's name": write.exif({0x013C: "grok.lan"}),
    **{
        f"the photographer {name}": write.exif({write.ARTIST: name})
        for name in (
            "Anna Grokhovskaya", "Xai Vang", "Zhang Jimeng", "Liu Hunyuan", "Leonardo Ai Weiwei",
            "NASA/Gemini 7", "Agencia Imagen 3", "Image Creator: John Smith",
            "OpenAI/Handout via REUTERS", "OpenAI", "No Midjourney, no AI: John Smith",
        )
    },
    **{
        f"the credit {credit}": write.xmp({"photoshop:Credit": credit})
        for credit in ("NASA, Gemini 4 mission", "Getty Images / ChatGPT", "Handout: Midjourney")
    },
}  # fmt: skip
EDITS: dict[str, bytes] = {
    "a credit": write.xmp({"photoshop:Credit": "Edited with Google Gemini"}),
    "a credit beside another": write.xmp(
        {"photoshop:Credit": "Photo: John Smith; edited with Adobe Firefly"}
    ),
    "an editor's field": write.exif({0xA43B: "Adobe Photoshop 26 (Adobe Firefly)"}),
    "an ingredient's type": write.xmp(XAP, PANTRY.format(MADE_OF_AI)),
    "an ingredient's program": write.xmp(XAP, PANTRY.format('xmp:CreatorTool="Adobe Firefly 3.0"')),
}
