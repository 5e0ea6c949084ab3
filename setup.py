"""Maps the five sibling folders into the package ``hil``; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

MAPPED = ("device_sims", "fixtures", "suites", "reports", "ci")
COMMANDS_OF_THE_CHECKOUT = ("conformance", "test", "benchmark", "error-rates", "chaos", "fuzz")


def data_files(folder: Path) -> list[str]:
    """Whatever is no Python file, also from folders below that are no packages (templates)."""
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and entry.name != "__pycache__" and not (entry / "__init__.py").exists():
            found += [f"{entry.name}/{name}" for name in data_files(entry)]
        elif entry.is_file() and entry.suffix not in {".py", ".pyc"} and entry.name not in COMMANDS_OF_THE_CHECKOUT:
            found.append(entry.name)
    return found


packages = find_packages(include=["hil", "hil.*"])
package_dir = {"hil": "hil"}
for folder in MAPPED:
    inside = [folder, *(f"{folder}.{name}" for name in find_packages(folder))]
    packages += [f"hil.{name}" for name in inside]
    package_dir |= {f"hil.{name}": name.replace(".", "/") for name in inside}

package_data = {name: data_files(Path(package_dir.get(name, name.replace(".", "/")))) for name in packages}

setup(packages=packages, package_dir=package_dir, package_data=package_data, include_package_data=False)
