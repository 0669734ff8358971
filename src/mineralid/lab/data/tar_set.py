"""Read a test set from a tar of the original's layout, into memory and never onto the disk."""

from __future__ import annotations

import contextlib
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from mineralid.lab.data.class_list import checked_classes
from mineralid.lab.data.manifest import Manifest, ManifestError, Photograph, utf8_text
from mineralid.lab.data.original_layout import COLLECTION, ListReader
from mineralid.lab.data.picture_check import bytes_problem

# A picture from a phone has 5 MB, from a studio 60. All pictures are in memory at once, and a few
# kilobytes of a compressed file may stand for terabytes: reading stops at the first size too many.
MAX_MEMBER_BYTES = 128 * 2**20
MAX_TOTAL_BYTES = 8 * 2**30
MAX_MEMBERS = 1_000_000
LIST_NAMES = ("val.txt", "test.txt")  # first found


def read_tar(path: Path, classes: Sequence[str]) -> Manifest:
    """Read a tar, plain or compressed: `<image_id>.jpg` anywhere in it, and a list.

    The list is its val.txt, else its test.txt, else its only .txt file: `<image_id>/<class_name>`
    a line. Nothing is unpacked to disk: the bytes of the listed pictures are in `Photograph.data`,
    and `path` is `<tar>!<member>`. Links are not followed, and the files that macOS adds ("._…")
    passed over. Every photograph is a specimen of its own.

    Raises ManifestError, which lists at once whatever is wrong with the lines; and for a tar that
    is missing, damaged, without a list or with two, or that exceeds the limits on size.
    """
    path = Path(path)
    names = checked_classes(classes)
    with _said_where_damaged(path), tarfile.open(path, "r:*") as tar:
        members = _Members(tar, path)
        listing = members.listing()
        shown = f"{path.name}!{listing.name}"
        reader = ListReader(names, members.picture_problem)
        entries = reader.read(utf8_text(members.read(listing), shown), shown)
        # In the order in which they lie there: going back in a compressed tar starts it afresh.
        entries_by_place = sorted(entries, key=lambda e: members.pictures[e.image_id][0].offset)
        data = {}
        for entry in entries_by_place:
            data[entry.image_id] = members.read(members.pictures[entry.image_id][0])
    for entry in entries:
        if problem := bytes_problem(data[entry.image_id]):
            reader.problems.append(
                f"{shown} line {entry.line}: photograph {entry.image_id}.jpg: {problem}"
            )
    reader.raise_problems(str(path))
    photographs = (
        Photograph(
            entry.image_id,
            Path(f"{path}!{members.pictures[entry.image_id][0].name}"),
            entry.class_name,
            COLLECTION,
            entry.image_id,
            data[entry.image_id],
        )
        for entry in entries
    )
    return Manifest(tuple(photographs), names)


class _Members:
    """The members of a tar that matter: lists, and pictures by image id."""

    def __init__(self, tar: tarfile.TarFile, path: Path) -> None:
        self.tar, self.path = tar, path
        self.lists: dict[str, tarfile.TarInfo] = {}
        self.pictures: dict[str, list[tarfile.TarInfo]] = {}
        self.links: dict[str, str] = {}  # image id -> name
        files: dict[str, tarfile.TarInfo] = {}
        total = 0
        for count, member in enumerate(tar, 1):
            name = PurePosixPath(member.name)
            total += member.size
            if total > MAX_TOTAL_BYTES or count > MAX_MEMBERS:
                raise ManifestError(
                    f"{path}: at {member.name!r} it comes to {count} files of {total} bytes "
                    f"unpacked; allowed: {MAX_MEMBERS} files, {MAX_TOTAL_BYTES} bytes in all"
                )
            if name.name.startswith("."):
                continue
            if member.isreg():
                files[member.name] = member  # of a name that was added twice the later one holds
            elif (member.issym() or member.islnk()) and name.suffix == ".jpg":
                self.links[name.stem] = member.name
        self._refuse_damage()
        for member in files.values():
            name = PurePosixPath(member.name)
            if name.suffix == ".txt":
                self.lists[member.name] = member
            elif name.suffix == ".jpg":
                self.pictures.setdefault(name.stem, []).append(member)

    def _refuse_damage(self) -> None:
        """Raise where the members end in something else than the zeros that close a tar.

        tarfile takes a damaged header, other than the first, for the end.
        """
        stream = self.tar.fileobj
        assert stream is not None
        stream.seek(self.tar.offset)
        if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no header at byte {self.tar.offset}")

    def listing(self) -> tarfile.TarInfo:
        """Return the list of the test set."""
        named = [
            [member for name, member in self.lists.items() if PurePosixPath(name).name == wanted]
            for wanted in LIST_NAMES
        ]
        chosen = next((found for found in named if found), list(self.lists.values()))
        if len(chosen) != 1:
            found = ", ".join(sorted(member.name for member in chosen)) or "no .txt file"
            raise ManifestError(
                f"{self.path}: it holds {found}; needed: one list of the photographs, named "
                f"{' or '.join(LIST_NAMES)} or else the only .txt file in it"
            )
        return chosen[0]

    def picture_problem(self, image_id: str) -> str | None:
        """Return why the picture of an image id can't be used, None where it can."""
        found = self.pictures.get(image_id, [])
        if len(found) > 1:
            return f"it is there twice: {', '.join(member.name for member in found)}"
        if not found and image_id in self.links:
            return f"{self.links[image_id]} is a link, and links in a tar are not followed"
        if not found:
            return f"there is no such file in {self.path.name}"
        if found[0].size > MAX_MEMBER_BYTES:
            return f"it has {found[0].size} bytes; allowed: {MAX_MEMBER_BYTES}"
        return None

    def read(self, member: tarfile.TarInfo) -> bytes:
        """Return the bytes of a file in the tar."""
        if member.size > MAX_MEMBER_BYTES:
            raise ManifestError(
                f"{self.path}!{member.name}: it has {member.size} bytes; "
                f"allowed: {MAX_MEMBER_BYTES}"
            )
        stream = self.tar.extractfile(member)
        assert stream is not None  # an ordinary file
        with stream:
            return stream.read()


@contextlib.contextmanager
def _said_where_damaged(path: Path) -> Iterator[None]:
    """Turn what tarfile and the decompressors raise into a ManifestError."""
    try:
        yield
    except FileNotFoundError:
        raise ManifestError(f"{path}: there is no such file; needed: a tar") from None
    except IsADirectoryError:
        raise ManifestError(f"{path} is a folder; needed: a tar") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = str(error).splitlines()[0].rstrip(":") if str(error) else type(error).__name__
        raise ManifestError(
            f"{path} can't be read as a tar ({reason}): it is damaged, cut short or another kind "
            "of file; needed: a tar, plain or compressed with gzip, bzip2 or xz"
        ) from None
