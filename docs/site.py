"""Where the pages of the site come from: docs/, other texts of the repository, examples, and the modules.

A link leads where it leads in the repository, so that a text reads well in both places.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
FOREIGN = re.compile(r"""<(?:script|img|link)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")


def on_config(config: MkDocsConfig) -> None:
    """Adds a page for every room to the menu."""
    rooms = [*config.extra["modules"], "conversion"]
    config.nav.append({"Modules": [{room: f"modules/{room}.md"} for room in rooms]})


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages that are not in docs/, and the files that pages link to."""
    for page, source in config.extra["pages"].items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        files.append(File.generated(config, f"configs/{path.name}", abs_src_path=str(path)))
    for path in sorted((ROOT / "examples").glob("*.py")):
        text = _example(path)
        files.append(File.generated(config, f"examples/{path.stem}.md", content=text))
    for room in config.extra["modules"]:
        text = _modules(ROOT / "gi_jax" / room)
        files.append(File.generated(config, f"modules/{room}.md", content=text))
    text = _modules(ROOT / "conversion")
    files.append(File.generated(config, "modules/conversion.md", content=text))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes the links between files of the repository links between pages."""
    sources = config.extra["pages"]
    pages = {source: name for name, source in sources.items()}
    name = page.file.src_uri
    here = PurePosixPath(sources.get(name, f"docs/{name}")).parent

    def on_site(link: re.Match[str]) -> str:
        target = normpath(str(here / link[1]))
        target = pages.get(target, target.removeprefix("docs/"))
        return (
            relpath(target, str(PurePosixPath(name).parent)) if files.get_file_from_path(target) else link[1]
        )

    return LINK.sub(on_site, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Stops if a page fetches anything from another host: the site is to be read without a network."""
    if found := FOREIGN.search(output):
        raise PluginError(
            f"{page.file.src_uri}: {found[0]} fetches from another host; use a file of the site"
        )
    return output


def _example(path: Path) -> str:
    """A script as a page: its docstring, then its code."""
    text = path.read_text("utf-8")
    said = ast.get_docstring(ast.parse(text))
    _, _, code = text.split('"""', 2)
    return f'{said}\n\n```python title="examples/{path.name}"\n{code.strip()}\n```\n'


def _modules(folder: Path) -> str:
    """A page with everything public of a package."""
    package = folder.relative_to(ROOT).as_posix().replace("/", ".")
    modules = [path.relative_to(ROOT).with_suffix("") for path in sorted(folder.rglob("*.py"))]
    names = [".".join(module.parts) for module in modules if not module.name.startswith("__")]
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    return "\n\n".join([f"# {package}", said or "", *(f"::: {name}" for name in names)]) + "\n"
