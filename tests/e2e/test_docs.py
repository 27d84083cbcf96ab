"""Code that a document shows is code that the build compiles."""
from lab import TOP


def test_readme_shows_the_example():
    source = (TOP / "examples" / "agent_minimal" / "main.c").read_text()
    main = source[source.index("int main(void)\n{"):]
    assert f"```c\n{main}```" in (TOP / "README.md").read_text()
