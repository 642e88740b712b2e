"""Docstrings are plain text with a few habits; here they become what Sphinx reads.

The habits: names in single backticks, sections underlined with dashes whose entries are `name : words`, lines
`Systems: ...` and `Source: ...`, indented equations, bullets, doctests. Everything else is words, and an asterisk, a
bar or an underscore in them means itself.
"""

import re

ENTRY = re.compile(r"^(\*{0,2}[\w., ]+?)\s+: (.*)$")
LABEL = re.compile(r"^(Systems|Source|Shapes?|Attributes): ?(.*)$")


def process(app, what, name, obj, options, lines):
    """Replace the lines of one docstring, in place."""
    lines[:] = rewritten(lines)


def rewritten(lines):
    """The lines as reStructuredText."""
    out = []
    for block in blocks_of(lines):
        out += [*block_lines(block), ""]
    return out


def blocks_of(lines):
    """Runs of lines between blank ones; a labelled line begins a block of its own."""
    block = []
    for line in lines:
        if not line.strip() or LABEL.match(line):
            if block:
                yield block
            block = [line] if line.strip() else []
        else:
            block.append(line)
    if block:
        yield block


def block_lines(block):
    """One block by its habit."""
    if block[0].lstrip().startswith(">>>"):
        return block
    if len(block) > 1 and set(block[1].strip()) == {"-"} and len(block[1].strip()) >= 3:
        return [f"**{block[0].strip()}**", "", *entries(block[2:])]
    if all(line.startswith("  ") for line in block):
        return ["::", "", *("    " + line for line in block)]
    if block[0].startswith("- "):
        return bullets(block)
    label = LABEL.match(block[0])
    if label:
        return [f"**{label[1]}:** {words([label[2], *block[1:]])}"]
    code = next((i for i, line in enumerate(block) if line.startswith("    ")), None)
    if code is not None and block[code - 1].endswith(":"):
        return [words(block[:code]), "", "::", "", *("    " + line for line in block[code:])]
    return [words(block)]


def entries(lines):
    """`name : words` and the lines that go on below, as a definition list."""
    found = []
    for line in lines:
        entry = ENTRY.match(line)
        if entry and not line.startswith(" "):
            found.append([entry[1], entry[2]])
        elif found:
            found[-1][1] += " " + line.strip()
        else:
            found.append(["", line.strip()])
    out = []
    for name, said in found:
        out += [f"``{name}``", f"    {words([said])}"] if name else [words([said])]
    return out


def bullets(block):
    """Bullets, each with its continuation on one line."""
    items = []
    for line in block:
        if line.startswith("- "):
            items.append(line[2:])
        else:
            items[-1] += " " + line.strip()
    return [f"- {words([item])}" for item in items]


def words(lines):
    """Running words on one line: backticks mark code, all other signs mean themselves."""
    text = " ".join(line.strip() for line in lines)
    parts = re.split(r"(`+[^`]+`+)", text)
    shown = "".join(code(part) if part.startswith("`") else escaped(part) for part in parts)
    return re.sub(r"^(\w{1,3}|\d+)([.)] )", r"\1\\\2", shown)


def code(part):
    """Inline code; where it touches a letter it is set apart as reStructuredText wants."""
    return f"\\ ``{part.strip('`')}``\\ "


def escaped(part):
    """Text in which no sign is markup."""
    return re.sub(r"([\\*_|`<>])", r"\\\1", part).replace("::", ":\\:")
