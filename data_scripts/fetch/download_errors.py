"""What can go wrong on the way to a dataset; every message is written for the person who waits for it."""


class DownloadError(Exception):
    """A file could not be had, or what is there is not it; the message says what to do."""


class UnsafeArchive(DownloadError):
    """An archive holds an entry that must not be extracted; the message names the entry."""


class NotEnoughSpace(DownloadError):
    """The disk is too small for what is to come, or is full."""


class Stopped(DownloadError):
    """The user stopped it; what has arrived stays, and the next run continues from there."""
