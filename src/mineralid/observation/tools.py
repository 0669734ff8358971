"""What a person scratches with: the reference tools and Mohs' ten minerals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tool:
    """A thing of known hardness. label: with its article, "" where results are not worded by it."""

    name: str
    hardness_mohs: float
    synonyms: tuple[str, ...] = ()
    label: str = ""


TOOLS: tuple[Tool, ...] = (
    Tool("fingernail", 2.5, ("finger nail", "nail", "thumbnail", "thumb nail"), "a fingernail"),
    Tool("coin", 3.5, ("copper coin", "penny", "copper penny", "copper", "cent"), "a coin"),
    Tool(
        "knife",
        5.5,
        ("pocket knife", "pocketknife", "penknife", "pen knife", "steel knife", "knife blade"),
        "a knife",
    ),
    Tool("glass", 5.5, ("window glass", "glass plate", "plate glass", "window", "bottle glass")),
    Tool("steel file", 6.5, ("file",), "a steel file"),
    Tool("quartz", 7.0, (), "quartz"),
    # The rest of Mohs' scale; quartz, its seventh, is a tool above.
    Tool("talc", 1.0),
    Tool("gypsum", 2.0),
    Tool("calcite", 3.0),
    Tool("fluorite", 4.0, ("fluorspar",)),
    Tool("apatite", 5.0),
    Tool("orthoclase", 6.0, ("feldspar",)),
    Tool("topaz", 8.0),
    Tool("corundum", 9.0),
    Tool("diamond", 10.0),
)


def tool_hardness(word: str) -> float | None:
    """Mohs hardness of a tool by name or synonym (lower case, single spaces); None if unknown."""
    for tool in TOOLS:
        if word == tool.name or word in tool.synonyms:
            return tool.hardness_mohs
    return None


def tool_label(hardness_mohs: float) -> str | None:
    """The tool of exactly this hardness as a sentence names it: "a coin"; None if there is none."""
    for tool in TOOLS:
        if tool.label and tool.hardness_mohs == hardness_mohs:
            return tool.label
    return None
