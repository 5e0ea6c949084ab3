"""Maps the five sibling folders into the package ``hil``; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

MAPPED = ("device_sims", "fixtures", "suites", "reports", "ci")
COMMANDS_OF_THE_CHECKOUT = ("conformance", "test", "benchmark")

packages = find_packages(include=["hil", "hil.*"])
package_dir = {"hil": "hil"}
for folder in MAPPED:
    inside = [folder, *(f"{folder}.{name}" for name in find_packages(folder))]
    packages += [f"hil.{name}" for name in inside]
    package_dir |= {f"hil.{name}": name.replace(".", "/") for name in inside}

package_data: dict[str, list[str]] = {}
for package in packages:
    folder_path = Path(package_dir.get(package, package.replace(".", "/")))
    data = sorted(
        entry.name
        for entry in folder_path.iterdir()
        if entry.is_file() and entry.suffix not in {".py", ".pyc"} and entry.name not in COMMANDS_OF_THE_CHECKOUT
    )
    if data:
        package_data[package] = data

setup(packages=packages, package_dir=package_dir, package_data=package_data, include_package_data=False)
