"""The card that answers an exercise, as text and as HTML."""

import base64
import html
import sys
from dataclasses import dataclass

from lessons_lib.course.exercises.engine.checking import Failure, Result
from lessons_lib.course.exercises.engine.difference import draw_difference

# Mid tones, for the bar and the mark only: words keep the page's own colour, on white and on black.
LOOKS = {
    "passed": ("✓", "passed", "#1d9a6c"),
    "not attempted": ("○", "not yet attempted", "#7d8590"),
    "not yet": ("✗", "not yet", "#c4570f"),
    "unchecked": ("!", "could not be checked", "#7d8590"),
}
BOX = (
    "border-left:5px solid {colour};background:rgba(128,128,128,.1);"
    "padding:.6em 1em;margin:.4em 0;max-width:60em;line-height:1.5"
)
VALUE = "font-family:monospace;background:none;color:inherit;white-space:pre-wrap;overflow-wrap:anywhere"
LINE = 'style="text-decoration:underline"'
GROUND = "background:#fff;padding:4px;margin:.5em 0;max-width:100%;height:auto;border:1px solid rgba(128,128,128,.4)"


@dataclass(frozen=True, eq=False)
class Card:
    """What a learner reads below the cell: first what the mistake probably is, then the facts.

    IPython shows the HTML, everything else the text.

    The card of an untouched exercise depends on nothing but the exercise and the function's name, so a notebook's
    outputs stay the same. note: a line about saving progress, in trouble only.
    hints: those of the exercise, which the HTML of a card "not yet" folds into one another. model: the model answer as
    code; it lies behind the last hint, and behind a passed card. progress: how far the lesson is. following: what comes
    next, in words, and its address.
    """

    id: str
    title: str
    name: str
    result: Result
    note: str = ""
    hints: tuple[str, ...] = ()
    model: str = ""
    progress: str = ""
    following: tuple[str, str] = ("", "")

    def lines(self) -> list[str]:
        """What there is to say below the headline, without the facts of a failure."""
        hint = f'hint("{self.id}")'
        if self.result.status == "passed":
            own = f"From here on {self.name} is the library's own version; yours is {self.name}.mine."
            after = f"{self.progress} Next: {self.following[0]}." if self.following[0] else self.progress
            return [own, after] if after else [own]
        if self.result.status == "not attempted":
            return [
                f"Write your answer in place of the raise line and run the cell. {hint} gives a hint.",
                f"Until then {self.name} is the library's own version, so the lesson goes on.",
            ]
        if self.result.status == "unchecked":
            return [f"The fault is the course's, not yours ({self.result.reason}). The lesson goes on."]
        return [
            f"{hint} gives the next hint. From here on {self.name} is the library's own version; "
            f"yours is {self.name}.mine."
        ]

    def __repr__(self) -> str:
        mark, word, _ = LOOKS[self.result.status]
        failure = self.result.failure
        parts = [f"{mark} {self.id} {self.title}: {word}."]
        if failure:
            parts += [failure.mistake] if failure.mistake else []
            parts.append(f"{failure.call} {failure.fault.sentence}")
            parts += [f"  {label}: {value}" for label, value in _facts(failure)]
        return "\n".join(parts + self.lines() + ([self.note] if self.note else []))

    def _repr_html_(self) -> str:
        mark, word, colour = LOOKS[self.result.status]
        failure = self.result.failure
        parts = [
            f'<div><span style="color:{colour};font-weight:bold">{mark}</span> '
            f"<b>{_escaped(self.id)} {_escaped(self.title)}: {word}.</b></div>"
        ]
        if failure:
            if failure.mistake:
                parts.append(f'<div style="margin-top:.4em"><b>{_escaped(failure.mistake)}</b></div>')
            parts.append(f'<div style="margin-top:.4em"><code style="{VALUE}">{_escaped(failure.call)}</code></div>')
            parts.append(f'<div style="margin-bottom:.4em">{_escaped(failure.fault.sentence)}</div>')
            picture = _picture(failure)
            facts = "".join(
                f'<div>{label}: <code style="{VALUE}">{_escaped(value)}</code></div>'
                for label, value in _facts(failure)
            )
            parts += [picture, _folded("The numbers", facts) if picture else facts]
        parts += [f'<div style="margin-top:.4em">{self._linked(line)}</div>' for line in self.lines()]
        parts.append(self._help())
        if self.note:
            parts.append(f"<div><i>{_escaped(self.note)}</i></div>")
        return f'<div style="{BOX.format(colour=colour)}">{"".join(parts)}</div>'

    def _linked(self, line: str) -> str:
        """A line as HTML; where it names what comes next, that is a link."""
        words, address = self.following
        before, _, after = line.partition(f"Next: {words}")
        if not address or before == line:
            return _escaped(line)
        return f'{_escaped(before)}Next: <a {LINE} href="{_escaped(address)}">{_escaped(words)}</a>{_escaped(after)}'

    def _help(self) -> str:
        """The hints, each folded into the one before it, and last the model answer; for a passed card that alone."""
        model = f'<pre style="{VALUE}">{_escaped(self.model)}</pre>' if self.model else ""
        if self.result.status == "passed":
            return _folded("A model answer, to compare", model) if model else ""
        if self.result.status != "not yet":
            return ""
        inner = _folded("A model answer", model) if model else ""
        for number, hint in reversed(list(enumerate(self.hints, 1))):
            inner = _folded(f"Hint {number} of {len(self.hints)}", f"<div>{_escaped(hint)}</div>{inner}")
        return inner


@dataclass(frozen=True)
class Note:
    """A few lines of plain text, or of Python, shown below a cell."""

    text: str
    is_code: bool = False

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str | None:
        return f"```python\n{self.text}\n```" if self.is_code else None


def show(shown: object) -> None:
    """Display it where IPython runs, print it elsewhere."""
    if "IPython" in sys.modules:
        from IPython import display, get_ipython

        if get_ipython() is not None:
            display.display(shown)
            return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(repr(shown).encode(encoding, "replace").decode(encoding))


def _facts(failure: Failure) -> list[tuple[str, str]]:
    facts = [("expected", failure.expected), ("got", failure.got), ("it printed", failure.printed.rstrip())]
    return [(label, value) for label, value in facts if value]


def _folded(title: str, content: str) -> str:
    """Something that opens by a click, or by Enter on its title."""
    return f'<details style="margin-top:.4em"><summary style="cursor:pointer">{title}</summary>{content}</details>'


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _picture(failure: Failure) -> str:
    """The difference as an image inside the page; nothing where an image says no more than the words."""
    found = failure.fault
    if found.expected is None or found.got is None or found.expected.numel() < 2:
        return ""
    png = draw_difference(found.expected, found.got, found.index)
    if png is None:
        return ""
    data = base64.b64encode(png).decode("ascii")
    return f'<div><img alt="expected, got and difference" style="{GROUND}" src="data:image/png;base64,{data}"></div>'
