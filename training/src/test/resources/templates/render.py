"""Renders every *.jinja of a folder with Jinja2 as transformers sets it up, and writes rendered.json there.

Usage: python3 render.py FOLDER    (Jinja2 3.1.6; conversations.json of this script's own folder)
"""
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """{% generation %}: what transformers marks as learned; its text is written as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
environment.globals["raise_exception"] = refuse
environment.add_extension(Generation)
environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
conversations = json.loads((pathlib.Path(__file__).parent / "conversations.json").read_text())
folder = pathlib.Path(sys.argv[1])
rendered = {}
for file in sorted(folder.glob("*.jinja")):
    template = environment.from_string(file.read_text())
    for name, messages in conversations.items():
        for answer in (False, True):
            try:
                text = template.render(messages=messages, add_generation_prompt=answer, bos_token="<s>", eos_token="</s>")
            except jinja2.exceptions.TemplateError as e:
                text = None
            rendered[f"{file.name}/{name}/{str(answer).lower()}"] = text
(folder / "rendered.json").write_text(json.dumps(rendered, ensure_ascii=False, indent=1) + "\n")
print(len(rendered), "texts")
