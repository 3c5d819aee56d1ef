"""Which names of TensorRT and CUDA a source uses, by reading it; whatever could hide one is a violation.

An object of a library may only be held under a name that tells its class (`builder`, `self._context`), so that every
attribute of it can be looked up. Names are given in ROLES; another name for one is a violation.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

ROLES = {
    "trt": "trt",
    "builder": "trt.Builder",
    "network": "trt.INetworkDefinition",
    "network_tensor": "trt.ITensor",
    "parser": "trt.OnnxParser",
    "parser_error": "trt.ParserError",
    "config": "trt.IBuilderConfig",
    "profile": "trt.IOptimizationProfile",
    "cache": "trt.ITimingCache",
    "runtime": "trt.Runtime",
    "engine": "trt.ICudaEngine",
    "context": "trt.IExecutionContext",
    "kind": "trt.DataType",
    "rt": "rt",
}
OPAQUE = {
    "", "serialized", "direction", "mode", "flag", "setter", "shape", "low", "high", "is_input", "on_host", "names",
    "version", "unknown", "typed", "known", "values", "operator", "place", "what", "result", "body",
}  # fmt: skip
"""Names of plain values that a library gave; nothing may be asked of them."""
HIDING = {
    "getattr", "hasattr", "setattr", "vars", "dir", "eval", "exec", "globals", "locals", "__import__", "import_module",
}  # fmt: skip
GIVES = {"tensorrt": "trt", "bindings": "rt"}
"""Functions that return a library; no function returns a part of one."""
IMPORTS = {"tensorrt": "trt", "runtime": "rt"}


@dataclass
class Found:
    """What a source was found to use."""

    names: set[str] = field(default_factory=set)
    """`trt.BuilderFlag.TF32`, `trt.Builder.create_network`, `rt.cudaMalloc`."""
    returns: set[tuple[str, str]] = field(default_factory=set)
    """Name that is called -> class of what it must give, by the name that this goes by."""
    calls: set[tuple[str, int, tuple[str, ...]]] = field(default_factory=set)
    """Name, number of positional arguments, names of the others."""
    violations: list[str] = field(default_factory=list)


def collect(sources: Mapping[str, str]) -> Found:
    """Look through modules that may call each other; file name -> source."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    functions: dict[str, list[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = [
                    each.arg for each in node.args.posonlyargs + node.args.args if each.arg != "self"
                ]
    found = Found()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                given = [held(each.value) for each in ast.walk(node) if isinstance(each, ast.Return)]
                found.violations += [f"{node.name} returns {each}" for each in given if each and node.name not in GIVES]
    for name, tree in trees.items():
        _Reader(name, functions, found).visit(tree)
    return found


def role(node: ast.AST | None) -> str | None:
    """The dotted name that an expression stands for, if it is an object of a library, or an attribute of one."""
    if isinstance(node, ast.Name):
        return ROLES.get(node.id.lstrip("_"))
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ROLES.get(node.attr.lstrip("_"))
        base = role(node.value)
        return f"{base}.{node.attr}" if base and node.attr != "__version__" else None
    return None


def held(node: ast.AST | None) -> str | None:
    """What of a library the value of an expression is, or may be."""
    if isinstance(node, ast.Call):
        inner = held(node.func)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        return f"{inner}()" if inner else GIVES.get(called)
    return role(node) or next((each for each in map(held, _parts(node)) if each), None)


def _parts(node: ast.AST | None) -> Iterable[ast.AST | None]:
    """Expressions whose value an expression may have, or hold."""
    parts: Iterable[ast.AST | None] = ()
    if isinstance(node, ast.IfExp):
        parts = (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.Dict):
        parts = (*node.keys, *node.values)
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        parts = node.elts
    elif isinstance(node, (ast.NamedExpr, ast.Subscript, ast.Starred, ast.Await)):
        parts = (node.value,)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        parts = (node.elt,)
    elif isinstance(node, ast.Lambda):
        parts = (node.body,)
    return parts


class _Reader(ast.NodeVisitor):
    def __init__(self, file: str, functions: Mapping[str, list[str]], found: Found) -> None:
        self._file, self._functions, self._found = file, functions, found

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self._imported(node, each.name, each.asname or each.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        root = (node.module or "").partition(".")[0]
        for each in node.names:
            if root == "tensorrt":
                self._violation(node, f"{each.name} is imported by itself")
            elif root == "cuda":
                self._imported(node, each.name, each.asname or each.name)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = role(node)
        if isinstance(node.value, ast.Name) and node.value.id in OPAQUE:
            self._violation(node, f"attribute {node.attr} of {node.value.id}, whose class is not told")
        if node.attr == "__version__" and role(node.value) == "trt":
            self._found.names.add("trt.__version__")
        if name is not None and "." in name and name not in ROLES.values():
            self._found.names.add(name)
        elif name is None and isinstance(node.value, (ast.Call, ast.Subscript, ast.IfExp, ast.BoolOp, ast.NamedExpr)):
            inner = held(node.value)
            if inner or (isinstance(node.value, ast.Call) and any(map(held, node.value.args))):
                self._violation(node, f"attribute {node.attr} of something that has no name")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = role(node.func)
        if name is not None:
            self._found.calls.add((name, len(node.args), tuple(each.arg or "**" for each in node.keywords)))
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in HIDING and not (self._file == "child.py" and called == "getattr"):
            self._violation(node, f"{called} can reach a name that nobody sees")
        parameters = self._functions.get(called, [])
        for parameter, argument in zip(parameters, node.args, strict=False):
            self._bound(node, parameter, argument)
        for keyword in node.keywords:
            if keyword.arg in parameters:
                self._bound(node, keyword.arg or "", keyword.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(node, target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assigned(node, node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._assigned(node, node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._assigned(node, node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._assigned(node.iter, node.target, node.iter)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._assigned(node.context_expr, node.optional_vars, node.context_expr)
        self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> None:
        positional = node.posonlyargs + node.args
        pairs = [
            *zip(reversed(positional), reversed(node.defaults), strict=False),
            *zip(node.kwonlyargs, node.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            self._bound(default or argument, argument.arg, default)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            name = role(base)
            if name is None and held(base):
                self._violation(node, f"class {node.name} has a base that has no name")
            self._found.names |= {f"{name}.{each}" for each in _inherited(node) if name}
        self.generic_visit(node)

    def _assigned(self, at: ast.AST, target: ast.AST, value: ast.AST | None) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value] * len(target.elts)
            for one, of in zip(target.elts, values, strict=False):
                self._assigned(at, one, of)
        elif isinstance(target, (ast.Subscript, ast.Starred)):
            if held(value):
                self._violation(at, f"{held(value)} is kept where it has no name")
        else:
            for name in _names(target):
                self._bound(at, name, value)

    def _bound(self, at: ast.AST, name: str, value: ast.AST | None) -> None:
        """A name is given a value: an object of a library must have its own."""
        what, plain = held(value), name.lstrip("_")
        if what is None or plain in OPAQUE:
            return
        known = ROLES.get(plain)
        if known is None or (not what.endswith(")") and known != what):
            self._violation(at, f"{what} goes by the name {name}")
        elif what.endswith("()"):
            self._found.returns.add((what.removesuffix("()"), known))

    def _imported(self, node: ast.AST, name: str, known_as: str) -> None:
        root = name.partition(".")[0]
        if root in IMPORTS and known_as != IMPORTS[root]:
            self._violation(node, f"{name} goes by the name {known_as}")

    def _violation(self, node: ast.AST, what: str) -> None:
        self._found.violations.append(f"{self._file}:{getattr(node, 'lineno', '?')}: {what}")


def _names(target: ast.AST) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute):
        yield target.attr


def _inherited(node: ast.ClassDef) -> set[str]:
    """What a class uses of itself and does not define: it comes from its base."""
    of_self = [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    ]
    own = {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef)}
    own |= {each.attr for each in of_self if isinstance(each.ctx, ast.Store)}
    return {each.attr for each in of_self} - own
