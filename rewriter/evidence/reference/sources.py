"""Makes references from a torch module, from text that names one, or from a transformers config.

Modules are built on torch's meta device: shapes are known, and weights take no memory unless the code names
another device. This module calls no `forward`, and for a config transformers stays offline. torch and
transformers are imported on demand.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rewriter.errors import RewriterError, UsageError
from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule
from rewriter.model.limits import current
from rewriter.paths import ModulePath

CONFIG = "config.json"
"""The file name of a transformers config inside a model folder."""


def of_module(module: Any, name: str = "") -> Reference:
    """Return the reference of a live torch module.

    Args:
        module: a `torch.nn.Module`.
        name: its name in messages; its class by default.
    """
    first_paths: dict[int, ModulePath] = {}
    first_names: dict[int, ModulePath] = {}
    modules: dict[ModulePath, ReferenceModule] = {}
    for text, child in module.named_modules(remove_duplicate=False):
        path = ModulePath(text)
        kind = type(child)
        modules[path] = ReferenceModule(
            path,
            f"{kind.__module__}.{kind.__qualname__}",
            tuple(_declared(child, path, first_names)),
            first_paths.setdefault(id(child), path),
            _computes_nothing(child),
        )
    return Reference(name or type(module).__qualname__, modules)


def _declared(module: Any, path: ModulePath, first_names: dict[int, ModulePath]) -> Iterator[Declared]:
    parameters = module.named_parameters(recurse=False, remove_duplicate=False)
    buffers = module.named_buffers(recurse=False, remove_duplicate=False)
    for tensors, is_buffer in ((parameters, False), (buffers, True)):
        for name, tensor in tensors:
            full = path.child(name)
            first = first_names.setdefault(id(tensor), full)
            trainable = bool(tensor.requires_grad) and not is_buffer
            same_as = first if first != full else None
            yield Declared(name, _shape(tensor), trainable, is_buffer, same_as)


def _shape(tensor: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor; None for a lazy parameter, which has none yet."""
    try:
        return tuple(map(int, tensor.shape))
    except RuntimeError:
        return None


def _computes_nothing(module: Any) -> bool:
    """Whether a module has no `forward` except that of torch's base class, which raises."""
    forward = getattr(type(module), "forward", None)
    return "forward" not in vars(module) and getattr(forward, "__name__", "") == "_forward_unimplemented"


def of_text(text: str) -> tuple[Reference, ...]:
    """Return the references of a text: `package.module:Class`, `path.py:factory`, a config or its folder.

    A config may give several references (see `of_config`): only the file shows which of them was exported.

    Raises:
        UsageError: the text names nothing that can be built, or torch or transformers is not installed.
    """
    path = Path(text)
    if path.is_dir():
        path /= CONFIG
    if path.suffix == ".json":
        return of_config(path)
    if not names_object(text):
        raise UsageError(
            f"{text}: no reference; name package.module:Class, file.py:factory, a config.json or its folder, "
            "or a sidecar"
        )
    demand("torch", text)
    with telling(text), _on_meta():
        found = named(text)
        called = _is_module(found) is False
        return (of_module(_built(found) if called else found),)


def names_object(text: str) -> bool:
    """Whether a text has the form `package.module:name` or `path.py:name`."""
    target, _, attribute = text.rpartition(":")
    return bool(target and attribute)


def named(text: str) -> Any:
    """Return the object that `package.module:name` or `path.py:name` names.

    Passes on any exception of the import.
    """
    target, _, attribute = text.rpartition(":")
    return _attribute(_import(target), attribute.removesuffix("()"))


def _import(target: str) -> Any:
    """Import a Python module by its name, or by the path of its file."""
    if not target.endswith(".py"):
        with _search(Path.cwd()):
            return importlib.import_module(target)
    path = Path(target)
    if not path.is_file():
        raise UsageError(f"{path}: no such file; check the path")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "a path that ends in .py has a loader"
    assert spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    with _search(path.parent.resolve()):
        sys.modules.setdefault(path.stem, module)  # the dataclass decorator looks up its module there
        spec.loader.exec_module(module)
    return module


def _attribute(module: Any, dotted: str) -> Any:
    found = module
    for name in dotted.split("."):
        found = getattr(found, name)
    return found


def _is_module(found: Any) -> bool:
    import torch

    return isinstance(found, torch.nn.Module)


def _built(factory: Callable[[], Any]) -> Any:
    made = factory()
    if not _is_module(made):
        name = getattr(factory, "__name__", factory)
        raise UsageError(
            f"{name} makes {type(made).__name__}, no torch.nn.Module; name a class or function that makes one"
        )
    return made


def of_config(path: Path) -> tuple[Reference, ...]:
    """Return the references of a transformers config: its base model, then its architectures.

    A base model or an architecture that transformers lacks is left out.

    Raises:
        UsageError: the file is no config, transformers is not installed or cannot build the model, or the
            model has too many modules.
    """
    content = read_json(path)
    if "model_type" not in content:
        raise UsageError(f"{path}: no transformers config, it has no model_type; check which file this is")
    demand("transformers", str(path))
    with telling(str(path)), _offline(), _on_meta(), _bounded():
        import transformers

        config = transformers.CONFIG_MAPPING[content["model_type"]].from_dict(content)
        names = [name for name in content.get("architectures") or () if hasattr(transformers, name)]
        makers = [getattr(transformers, name) for name in names]
        built = [maker(config) for maker in makers]
        try:
            built.append(transformers.AutoModel.from_config(config, trust_remote_code=False))
        except ValueError:  # an architecture without a base model
            if not built:
                raise
        return tuple(of_module(each) for each in {type(each): each for each in reversed(built)}.values())


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UsageError: the file cannot be read, or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: not JSON; check which file this is") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: not a JSON object; check which file this is")
    return content


def demand(package: str, what: str) -> None:
    """Raise UsageError if a package that `what` needs is not installed."""
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"{what}: this needs {package}; pip install 'onnx-module-rewriter[{package}]'")


@contextlib.contextmanager
def telling(what: str, fault: str = "cannot be built") -> Iterator[None]:
    """Turn an exception of foreign code into a UsageError of one line, and redirect stdout to stderr."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, RewriterError):
        raise
    except BaseException as error:  # foreign code may raise anything, SystemExit included
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UsageError(f"{what}: {fault}: {reason}") from error


@contextlib.contextmanager
def _on_meta() -> Iterator[None]:
    import torch

    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        yield


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Refuse to build more modules than a file may have nodes: a config may ask for any number."""
    from torch.nn.modules.module import register_module_module_registration_hook

    most, count = current().nodes, 0

    def count_module(parent: Any, name: str, child: Any) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise UsageError(f"it asks for more than {most:,} modules; check which file this is")

    hook = register_module_module_registration_hook(count_module)
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep transformers from requests to a hub, for backbones, tokenizers or remote code."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _search(folder: Path) -> Iterator[None]:
    """Also search a folder for imports, as `python file.py` does."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
