"""Code that a document shows is code that the build compiles; what it links to is there."""
import re

import pytest

from lab import TOP

LINK = re.compile(r"\]\(([^)\s]+)\)")


def documents():
    found = (path.relative_to(TOP) for path in TOP.rglob("*.md"))
    return sorted(str(path) for path in found if path.parts[0] not in ("build", ".git"))


def headings(path):
    """The anchors of a document, as the hosts of repositories make them."""
    lines = re.findall(r"^#+ +(.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def is_broken(document, target):
    name, _, anchor = target.partition("#")
    path = ((TOP / document).parent / name).resolve() if name else TOP / document
    if not path.is_relative_to(TOP):
        return True
    return not path.exists() or bool(anchor and path.suffix == ".md" and anchor not in headings(path))


@pytest.mark.parametrize("document", documents())
def test_relative_links_lead_somewhere(document):
    links = LINK.findall((TOP / document).read_text())
    relative = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in relative if is_broken(document, link)] == []


def test_a_broken_link_is_found():
    """The check itself can fail."""
    assert is_broken("README.md", "docs/NOT_THERE.md") and is_broken("README.md", "#not-a-heading")
    assert is_broken("README.md", "../outside.md")
    assert not is_broken("README.md", "docs/BOARDS.md")


def test_readme_shows_the_example():
    source = (TOP / "examples" / "agent_minimal" / "main.c").read_text()
    main = source[source.index("int main(void)\n{"):]
    assert f"```c\n{main}```" in (TOP / "README.md").read_text()


def test_rom_tells_of_every_error():
    """docs/ROM.md explains each error of the ROM's protocol under the sentence that people see."""
    header = (TOP / "core" / "include" / "ferry" / "rom.h").read_text()
    reasons = re.findall(r"X\((\w+), \d+,\s+\"([^\"]+)\"", header)
    assert len(reasons) == 13
    document = (TOP / "docs" / "ROM.md").read_text()
    assert [name for name, text in reasons if f"| `ROM_{name}` {text} |" not in document] == []
