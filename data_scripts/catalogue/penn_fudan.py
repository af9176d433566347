"""Where Penn-Fudan pedestrians comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="penn_fudan",
    title="Penn-Fudan pedestrians",
    classes="1 + background",
    splits={"all": 170},
    licence=None,
    page="https://www.cis.upenn.edu/~jshi/ped_html/",
    citation="Wang, Shi, Song, Shen: Object Detection Combining Recognition and Segmentation. ACCV 2007",
    notes=("345 labelled pedestrians; no split is given",),
    files=(
        RemoteFile(
            name="PennFudanPed.zip",
            urls=(
                "https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
                "https://web.archive.org/web/2023id_/https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
            ),
            size=53_723_336,
            gives=(("PennFudanPed/PNGImages/*.png", 170), ("PennFudanPed/PedMasks/*.png", 170)),
        ),
    ),
)
