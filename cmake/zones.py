"""Writes the files of time zones that go into a program for machines without tzdata:
zones.py OUTPUT [FOLDER], where FOLDER is a zoneinfo folder. Without one the program carries none."""
import pathlib
import sys


def names(folder):
    """The zones that people name: those of the table, and UTC's other names."""
    table = (folder / "zone1970.tab").read_text().splitlines()
    return sorted({line.split("\t")[2] for line in table if line and not line.startswith("#")}
                  | {"Etc/UTC", "Europe/Amsterdam", "Europe/Oslo", "Europe/Stockholm"})


def literal(data):
    """C++ text of bytes; an escape of three digits ends where it ends."""
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def main():
    zones = []
    if len(sys.argv) > 2:
        folder = pathlib.Path(sys.argv[2])
        zones = [(name, (folder / name).read_bytes()) for name in names(folder)]
    out = ['#include "market/carried_zones.h"', "", "#include <algorithm>", "#include <array>", "",
           "namespace tapedeck {", "namespace {", "",
           "struct Carried {", "    std::string_view name;", "    std::string_view file;", "};",
           "", f"constexpr std::array<Carried, {len(zones)}> kZones{{{{"]
    out += [f'    {{"{name}", std::string_view({literal(data)}, {len(data)})}},' for name, data in zones]
    out += ["}};", "", "}  // namespace", "",
            "std::string_view carried_zone(std::string_view name) {",
            "    const auto* found = std::ranges::find(kZones, name, &Carried::name);",
            "    return found == kZones.end() ? std::string_view() : found->file;",
            "}", "", "}  // namespace tapedeck", ""]
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("\n".join(out))


if __name__ == "__main__":
    main()
