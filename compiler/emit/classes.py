"""One body as one class: its submodules, and a `forward` with a line for each node."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.emit.mixtures import write_mixture
from compiler.emit.repeats import make_turns, run_turns
from compiler.lower import LOWERINGS
from compiler.lower.code import Code, atom, call
from compiler.lower.lines import INDENT, WIDTH, Line, lay_out
from compiler.lower.scope import Scope, input_variables
from compiler.lower.unit import Unit
from compiler.passes.internal import BlockMaskType
from graphspec.graph import Body, Call, Input, Mixture, Node, Repeat


@dataclass(frozen=True, slots=True)
class Class:
    """A class as it will be printed."""

    name: str
    base: str
    about: str
    members: tuple[Line, ...]
    signature: Line
    lines: tuple[Line, ...]

    def same_code(self) -> tuple[object, ...]:
        """What must be equal for two classes to be one: all but the comments."""
        plain = [tuple(replace(line, comment="") for line in lines) for lines in (self.members, self.lines)]
        return (self.base, *plain, self.signature)

    def text(self) -> str:
        return "\n".join(self._text()) + "\n"

    def _text(self) -> Iterator[str]:
        yield f"class {self.name}({self.base}):"
        yield from docstring(self.about, 1)
        yield ""
        if self.members:
            yield f"{INDENT}def __init__(self) -> None:"
            yield f"{INDENT * 2}super().__init__()"
            yield from lay_out(self.members, 2)
            yield ""
        yield from self.signature.lay_out(1)
        yield from lay_out(self.lines, 2)


def docstring(text: str, depth: int) -> Iterator[str]:
    """A docstring, its paragraphs wrapped."""
    pad = INDENT * depth
    safe = text.replace("\\", "\\\\").replace('"""', "'''")
    if "\n" not in safe and len(pad) + len(safe) + 6 <= WIDTH and not safe.endswith('"'):
        yield f'{pad}"""{safe}"""'
        return
    wrapped = [textwrap.wrap(part, WIDTH - len(pad) - 3, break_long_words=False) or [""] for part in safe.split("\n")]
    first, *rest = [line for part in wrapped for line in part]
    yield f'{pad}"""{first}'
    yield from (f"{pad}{line}".rstrip() for line in rest)
    yield f'{pad}"""'


class BodyWriter(Scope):
    """Writes one body, blocks within it included."""

    def __init__(self, unit: Unit, body: Body) -> None:
        super().__init__(unit, body, LOWERINGS)

    def place(self, node: Node) -> None:
        match node.does:
            case Mixture() as mixture:
                write_mixture(self, node, mixture)
            case Call(body):
                self._call(node, body)
            case Repeat() as repeat:
                self._repeat(node, repeat)
            case _:
                super().place(node)

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _call(self, node: Node, body: Body) -> None:
        path = self.hold(node, call(self.unit.classes[body]))
        made = call(str(path), *self.arguments(node, body))
        variables = [
            self.names.local(self.output_name(node, value.name)) if self.is_read(node, value.name) else "_"
            for value in node.outputs
        ]
        self.state.lines.append(Line(f"{', '.join(variables)} = ", made, self.note(node.type)))
        for value, variable in zip(node.outputs, variables, strict=True):
            self.bind(node, value.name, atom(variable))

    def arguments(self, node: Node, body: Body, first: Code | None = None) -> list[str]:
        """What a block is given: by place as long as that says enough, then by name."""
        refs = dict(node.inputs)
        codes: list[str] = []
        said = True
        for source, name in zip(body.inputs, input_variables(self.unit, body).values(), strict=True):
            code = str(first if first is not None and not codes else self.read(refs[source.name]))
            said = said and (not codes or name == code or len(body.inputs) == 2)
            codes.append(code if said else f"{name}={code}")
        return codes

    def _repeat(self, node: Node, repeat: Repeat) -> None:
        carried = self.read(node.inputs[0][1])
        if not repeat.runs:
            self.bind(node, node.outputs[0].name, carried)
            return
        path = self.hold(node, make_turns(repeat, self.unit.classes, self.size, self.unit.sizes))
        run_turns(self, node, repeat, path, carried)

    # -- the class ----------------------------------------------------------------------------------------------------

    def shape_lines(self) -> list[Line]:
        """The lines that read run-time sizes from the shapes of inputs."""
        by_input: dict[str, dict[int, str]] = {}
        for variable, (source, place) in self.state.shapes.items():
            by_input.setdefault(source, {})[place] = variable
        lines: list[Line] = []
        for source, places in by_input.items():
            rank = next(len(i.type.axes) for i in self.body.inputs if self.inputs[i.name] == source)
            if len(places) == rank > 1:
                lines.append(Line(", ".join(places[at] for at in range(rank)) + f" = {source}.shape"))
            else:
                lines += [Line(f"{variable} = {source}.shape[{place}]") for place, variable in places.items()]
        return lines

    def returned(self, made: str = "") -> list[Line]:
        """The `return`; a value that was named only for it stands in it itself."""
        codes = [self.read(ref) for _, ref in self.body.outputs]
        lines = self.state.lines
        if len(codes) > 1:
            return [*lines, Line("return ", call(made, *codes) if made else Code(", ".join(map(str, codes))))]
        (code,) = codes
        last = lines[-1] if lines else None
        if last and last.depth == 0 and last.start == f"{code} = ":
            return [*lines[:-1], replace(last, start="return ")]
        return [*lines, Line("return ", code)]


def forward_signature(arguments: Iterable[str], result: str) -> Line:
    given = ("self", *arguments)
    code = Code(f"({', '.join(given)}) -> {result}:", call=("(", given, f") -> {result}:"))
    return Line("def forward", code)


def write_block(unit: Unit, body: Body) -> Class:
    """A block as a class."""
    writer = BodyWriter(unit, body)
    writer.write()
    lines = writer.returned()
    arguments = [f"{writer.inputs[i.name]}: {_annotation(i)}" for i in body.inputs]
    result = "Tensor" if len(body.outputs) == 1 else f"tuple[{', '.join(['Tensor'] * len(body.outputs))}]"
    about = f"{body.block}: `{body.signature}`." if body.signature else f"{body.block}."
    return Class(
        unit.classes[body],
        "nn.Module",
        about,
        tuple(writer.state.members),
        forward_signature(arguments, result),
        (*writer.shape_lines(), *lines),
    )


def _annotation(source: Input) -> str:
    """What an input of a block is to Python."""
    kind = "BlockMask" if isinstance(source.type, BlockMaskType) else "Tensor"
    return f"{kind} | None" if source.default is not None else kind


def write_model(unit: Unit, body: Body, output_class: str) -> Class:
    """The model itself as a class."""
    writer = BodyWriter(unit, body)
    writer.write()
    lines = writer.returned(output_class)
    arguments = [f"{writer.inputs[i.name]}: Tensor{' | None = None' * (i.default is not None)}" for i in body.inputs]
    return Class(
        unit.classes[body],
        "Model",
        _about_model(unit, body),
        tuple(writer.state.members),
        forward_signature(arguments, output_class or "Tensor"),
        (*writer.shape_lines(), *lines),
    )


def _about_model(unit: Unit, body: Body) -> str:
    inputs = [f"{source.name}: {source.type}{_default(source.default)}" for source in body.inputs]
    outputs = [f"{name}: {body.type_of(ref)}" for name, ref in body.outputs]
    title = (unit.graph.title or unit.graph.name).rstrip(".")
    return f"{title}.\n\n{', '.join(inputs)} -> {', '.join(outputs)}"


def _default(value: object) -> str:
    return "" if value is None else f" = {str(value).lower()}"


def merge_comments(classes: list[Class]) -> Class:
    """Classes of equal code as one: where their shapes differ, only what they share is said."""
    first = classes[0]
    lines = tuple(
        replace(line, comment=(_shared if line.text else _listed)([other.lines[at].comment for other in classes]))
        for at, line in enumerate(first.lines)
    )
    return replace(first, lines=lines)


def _shared(shapes: list[str]) -> str:
    """The axes that shapes have in common at their end."""
    if len(set(shapes)) == 1:
        return shapes[0]
    words = [shape.split(" ") for shape in shapes]
    shared: list[str] = []
    for column in zip(*(reversed(each) for each in words), strict=False):
        if len(set(column)) > 1:
            break
        shared.insert(0, column[0])
    text = " ".join(shared)
    return f"... {text}" if text and text.count("(") == text.count(")") else ""


def _listed(remarks: list[str]) -> str:
    """Remarks that begin alike, `kernel: why`, as one."""
    heads, reasons = zip(*(remark.split(": ", 1) for remark in remarks), strict=True)
    return f"{heads[0]}: {' or '.join(dict.fromkeys(reasons))}"
