"""What a look at a dataset found, in lines to print."""

from statistics import median

from lessons_lib.data.look import Look

FAULTS = 20
"""Faults of one kind that are printed one by one; the rest is counted."""


def report(look: Look) -> list[str]:
    """The report, line by line: layout, splits, sizes, classes, what is left out, what is wrong."""
    also = f", and its files also look like {', '.join(look.also)} (choose with --data)" if look.also else ""
    lines = [f"layout   {look.layout}{also}", f"splits   {_splits(look)}", f"sizes    {_sizes(look)}"]
    lines += _classes(look)
    if look.empty:
        lines.append(f"empty    {_images(look.empty)} without any label")
    lines += [f"lacks    {name}: {reason}" for name, reason in look.lacks.items()]
    lines += [f"note     {note}" for note in look.notes]
    return lines + _faults(look)


def _splits(look: Look) -> str:
    counts = ", ".join(f"{split} {count}" for split, count in look.splits.items())
    if not look.splits_made:
        return counts
    return f"{counts} (none given: made by a hash of each file's name, so that one more file moves no other)"


def _sizes(look: Look) -> str:
    if not look.sizes:
        return "no image can be read"
    pixels = sorted(look.sizes, key=lambda size: size[0] * size[1])
    small, large = (f"{width} × {height}" for height, width in (pixels[0], pixels[-1]))
    kinds = f"{small} pixels" if small == large else f"{small} to {large} pixels, {len(pixels)} sizes"
    return kinds


def _classes(look: Look) -> list[str]:
    """One line for each class: how many objects there are in each split, and how large they are."""
    what = "images" if "boxes" in look.lacks else "objects"
    width = max(map(len, look.classes))
    head = f"{what} in {' / '.join(look.splits)}, share of the image: least, median, most"
    lines = [f"classes  {len(look.classes) - 1}, {head}"]
    for name in look.classes[1:]:
        counts, areas = look.objects.get(name, {}), look.areas.get(name, [])
        row = " / ".join(str(counts.get(split, 0)) for split in look.splits)
        shares = "  ".join(f"{share:.2%}" for share in (min(areas), median(areas), max(areas))) if areas else "–"
        lines.append(f"         {name:<{width}}  {row}  {shares}")
    return lines


def _faults(look: Look) -> list[str]:
    if not look.faults:
        return ["faults   none found"]
    kinds: dict[str, list[str]] = {}
    for fault in look.faults:
        kinds.setdefault(fault.kind, []).append(fault.line())
    lines = [f"faults   {len(look.faults)}: {', '.join(f'{len(found)} {kind}' for kind, found in kinds.items())}"]
    for kind, found in kinds.items():
        lines += [f"         {line}" for line in found[:FAULTS]]
        if len(found) > FAULTS:
            lines.append(f"         {kind}: {len(found) - FAULTS} more")
    return lines


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
