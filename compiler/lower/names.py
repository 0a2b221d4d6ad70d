"""Names in generated code: valid, unshadowed, each once in its scope, as near to the spec's as can be."""

from __future__ import annotations

import contextlib
import keyword
import re
from collections.abc import Iterable, Iterator

IMPORTED = frozenset({"torch", "nn", "F", "math", "Tensor", "BlockMask", "NamedTuple", "Model", "annotations", "self"})
"""What every file may import, and `self`."""

_BUILTINS = """
    abs all any bool bytes callable chr dict dir enumerate eval exec exit filter float format getattr hash help hex
    id int iter len list locals map max min next object open ord pow print property quit range repr reversed round set
    slice sorted str sum super tuple type vars zip
"""
BUILTINS = frozenset(_BUILTINS.split())
"""Built-in functions that a local name would hide. `input` may be hidden: torch itself does."""

_MODULE_ATTRIBUTES = """
    T_destination add_module apply bfloat16 buffers call_super_init capture children compilation compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule graph half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory source state_dict target to to_empty train training type xpu
    zero_grad
"""
MODULE_ATTRIBUTES = frozenset(_MODULE_ATTRIBUTES.split())
"""What `self` already has: a submodule of this name can be stored, but not read as an attribute."""


class Namer:
    """Gives each thing of a scope a name of its own."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {*IMPORTED, *taken}

    def take(self, *wishes: str) -> str:
        """The first of the wishes that is free, else the last of them with a number."""
        valid = [identifier(wish) for wish in wishes]
        free = next((name for name in valid if name not in self.taken), None)
        if free is None:
            count = 2
            while f"{valid[-1]}_{count}" in self.taken:
                count += 1
            free = f"{valid[-1]}_{count}"
        self.taken.add(free)
        return free

    @contextlib.contextmanager
    def borrowed(self, *wishes: str) -> Iterator[tuple[str, ...]]:
        """Names for the arguments of a function within an expression: free again behind it."""
        names = tuple(self.take(wish, f"{wish}_") for wish in wishes)
        yield names
        self.taken -= set(names)

    def title(self, *wishes: str) -> str:
        """A name for a class: as `take`, the number without an underscore."""
        free = next((wish for wish in wishes if wish not in self.taken), None)
        count = 2
        while free is None or free in self.taken:
            free, count = f"{wishes[-1]}{count}", count + 1
        self.taken.add(free)
        return free

    def local(self, wish: str) -> str:
        """A name for a variable: a built-in of this name, or whatever has it already, is left alone."""
        name = identifier(wish)
        return self.take(f"{name}_") if name in BUILTINS else self.take(name, f"{name}_")


def identifier(text: str) -> str:
    """`text` as a Python identifier: `mid~1` becomes `mid_1`, `lambda` becomes `lambda_`."""
    name = re.sub(r"\W", "_", text) or "_"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def camel_case(text: str) -> str:
    """`encoder_layer` as the name of a class: `EncoderLayer`."""
    words = [word for word in re.split(r"[\W_]+", text) if word]
    name = "".join(word[0].upper() + word[1:] for word in words) or "Block"
    return f"Model{name}" if name[0].isdigit() else name


def upper_case(text: str) -> str:
    """`d_model` as the name of a constant: `D_MODEL`."""
    return identifier(text.upper())
