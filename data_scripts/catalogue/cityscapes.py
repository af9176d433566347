"""Where Cityscapes, fine annotations comes from."""

from data_scripts.fetch.remote import Download, RemoteFile

DOWNLOAD = Download(
    name="cityscapes",
    title="Cityscapes, fine annotations",
    classes="19, 8 with instances",
    splits={"train": 2975, "val": 500, "test": 1525},
    licence="its own, on registering",
    page="https://www.cityscapes-dataset.com/",
    citation=(
        "Cordts, Omran, Ramos, Rehfeld, Enzweiler, Benenson, Franke, Roth, Schiele: The Cityscapes Dataset for "
        "Semantic Urban Scene Understanding. CVPR 2016"
    ),
    registration="register at https://www.cityscapes-dataset.com/register/ and take the files from its downloads",
    notes=("the test split has no public annotations",),
    files=(
        RemoteFile(
            name="leftImg8bit_trainvaltest.zip",
            size=11_592_327_197,
            gives=(
                ("leftImg8bit/train/*/*_leftImg8bit.png", 2975),
                ("leftImg8bit/val/*/*_leftImg8bit.png", 500),
            ),
        ),
        RemoteFile(
            name="gtFine_trainvaltest.zip",
            size=252_567_705,
            gives=(
                ("gtFine/train/*/*_gtFine_labelIds.png", 2975),
                ("gtFine/val/*/*_gtFine_labelIds.png", 500),
                ("gtFine/train/*/*_gtFine_instanceIds.png", 2975),
                ("gtFine/val/*/*_gtFine_instanceIds.png", 500),
            ),
        ),
    ),
)
