#!/bin/sh
# Makes the images beside it anew, with the programs that people make such images with. Wants root,
# Python with Pillow, and dosfstools, mtools, e2fsprogs, exfatprogs, exfat-fuse, ntfs-3g,
# qemu-utils, ewf-tools, fdisk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cd "$work"
mkdir files mounted
python3 - <<'P'
import random
from pathlib import Path

from PIL import Image

for seed, name in enumerate(("listed", "deleted", "fragmented", "stream", "between", "compressed")):
    noise = random.Random(seed).randbytes(12 * 12 * 3)
    picture = Image.frombytes("RGB", (12, 12), noise).resize((64, 64))
    picture.save(Path("files", f"{name}.jpg"), quality=90)
Path("files/note.txt").write_text("nothing to see\n" * 200)
Path("files/large.txt").write_text("nothing to see here\n" * 400)
P

# Two files side by side, one of which goes, so that the next lies in two places.
fill() {
    mkdir mounted/photos
    cp files/listed.jpg files/deleted.jpg mounted/photos/
    cp files/note.txt mounted/a.txt
    cp files/note.txt mounted/b.txt
    rm mounted/a.txt
}

# FAT, whose folder entry of what is deleted goes on naming its first cluster only.
for bits in 12:1440 16:8192 32:34000; do
    image=fat${bits%%:*}.dd
    truncate -s "${bits##*:}K" "$image"
    mkfs.fat -F "${bits%%:*}" -s 1 -i 12345678 "$image" >/dev/null
    mmd -i "$image" ::photos
    mcopy -i "$image" files/note.txt ::a.txt
    mcopy -i "$image" files/note.txt ::b.txt
    mdel -i "$image" ::a.txt
    mcopy -i "$image" files/large.txt ::"a long name.txt"
    mcopy -i "$image" files/listed.jpg files/deleted.jpg ::photos
    mcopy -i "$image" files/fragmented.jpg ::fragmented.jpg
    mdel -i "$image" ::photos/deleted.jpg
done

for type in 2 4; do
    truncate -s 4M "ext$type.dd"
    mkdir -p "ext$type/photos"
    cp files/listed.jpg files/deleted.jpg "ext$type/photos/"
    cp files/note.txt "ext$type/"
    ln -s note.txt "ext$type/link"
    mke2fs -q -F -t "ext$type" -b 1024 -d "ext$type" "ext$type.dd"
    debugfs -w -R "rm /photos/deleted.jpg" "ext$type.dd" 2>/dev/null
done

truncate -s 2M exfat.dd
mkfs.exfat -b 64K -c 512 exfat.dd >/dev/null
loop=$(losetup -f --show exfat.dd)
mount.exfat-fuse "$loop" mounted >/dev/null
fill
cp files/large.txt files/fragmented.jpg mounted/
mkdir mounted/many
for number in $(seq 40); do echo "$number" >"mounted/many/one of many files $number.txt"; done
cp files/between.jpg mounted/many/last.jpg
sync
rm mounted/photos/deleted.jpg
umount mounted
losetup -d "$loop"

truncate -s 1200K ntfs.dd
mkntfs -q -F -f -c 512 ntfs.dd >/dev/null 2>&1
ntfs-3g -o compression,streams_interface=windows ntfs.dd mounted
fill
cp files/fragmented.jpg mounted/
cat files/stream.jpg >mounted/b.txt:hidden
cat files/note.txt >mounted/photos:inside
printf 'short' >mounted/resident.txt
mkdir mounted/packed
python3 -c 'import os; os.setxattr("mounted/packed", "system.ntfs_attrib_be", b"\0\0\x08\0")'
cp files/large.txt files/compressed.jpg mounted/packed/
umount mounted
ntfscp -f ntfs.dd files/note.txt '$Extend/note.txt'
ntfs-3g -o streams_interface=xattr ntfs.dd mounted
python3 - <<'P'
import os
from pathlib import Path

for name, content in (("user.case", "note.txt"), ("user.CASE", "between.jpg")):
    os.setxattr("mounted/fragmented.jpg", name, Path("files", content).read_bytes())
P
rm mounted/photos/deleted.jpg
umount mounted

# A whole disk: a FAT and an ext volume, a picture that lies in none, and space that nothing takes.
python3 - <<'P'
import struct
from pathlib import Path

fat, ext = Path("fat12.dd").read_bytes(), Path("ext4.dd").read_bytes()
disk = bytearray(8 << 20)
starts = (2048, 6144)
for number, (kind, start, volume) in enumerate(zip((1, 0x83), starts, (fat, ext))):
    entry = struct.pack("<B3sB3sII", 0, bytes(3), kind, bytes(3), start, len(volume) // 512)
    disk[446 + 16 * number : 462 + 16 * number] = entry
    disk[start * 512 : start * 512 + len(volume)] = volume
disk[510:512] = b"\x55\xaa"
between = Path("files/between.jpg").read_bytes()
disk[8192 : 8192 + len(between)] = between
Path("whole.dd").write_bytes(disk)
P
dd if=/dev/zero of=gpt.dd bs=1M count=9 2>/dev/null
dd if=whole.dd of=gpt.dd bs=1M skip=1 seek=1 conv=notrunc 2>/dev/null
printf 'label: gpt\nstart=2048, size=2880\nstart=6144, size=8192\n' | sfdisk -q gpt.dd
dd if=files/between.jpg of=gpt.dd bs=1 seek=1000000 conv=notrunc 2>/dev/null

convert() { qemu-img convert -f raw -O "$@"; }
convert vdi whole.dd whole.vdi
convert vhdx whole.dd whole.vhdx
convert vpc whole.dd dynamic.vhd
convert vpc -o subformat=fixed whole.dd fixed.vhd
convert qcow2 whole.dd whole.qcow2
convert qcow2 -c whole.dd packed.qcow2
convert vmdk whole.dd whole.vmdk
convert vmdk -o subformat=streamOptimized whole.dd stream.vmdk
convert vmdk -o subformat=twoGbMaxExtentSparse whole.dd several.vmdk
convert vmdk -o subformat=monolithicFlat whole.dd flat.vmdk
ewfacquire -u -q -c none -S 2097152 -t whole whole.dd >/dev/null 2>&1
ewfacquire -u -q -c best -t packed whole.dd >/dev/null 2>&1

(cd files && sha256sum ./*) | sed 's,\./,,' >"$here/sums.txt"
rm -f "$here"/*.xz
for image in *.dd *.vdi *.vhdx *.vhd *.qcow2 *.vmdk *.E0?; do
    xz -9e -c "$image" >"$here/$image.xz"
done
cd "$here"
rm -rf "$work"
