#!/usr/bin/env bash
# The tests of `kernels` with AVX-512 on a machine that lacks it: in Bochs, an emulator of whole computers, under a small
# Linux. Results: docs/reliability.md. For Debian, which has all it needs:
#
#     apt-get install bochs bochsbios busybox-static cpio curl grub-pc-bin mtools vgabios xorriso
#     scripts/kernels_emulated.sh                # all of them, over ten minutes
#     scripts/kernels_emulated.sh product        # those with that in their name
#
# Those of likelihoods are left out: Bochs 2.7 refuses a vgatherqps in them as an illegal instruction.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in bochs-bin busybox cpio curl grub-mkrescue mformat xorriso; do
    command -v "$program" >/dev/null || { echo "there is no $program: the packages are named in $0" >&2; exit 2; }
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
root="$work/root"
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$work/iso/boot/grub"

# The newest of 5.10: Linux 6.1 finds the sizes inconsistent that Bochs 2.7 states for saved registers.
mirror=http://deb.debian.org/debian-security
package="$(curl -fsS "$mirror/dists/bullseye-security/main/binary-amd64/Packages.xz" | xz -dc |
    sed -n 's/^Filename: \(.*linux-image-5\.10\.0-[0-9]*-cloud-amd64_.*\)/\1/p' | sort -V | tail -n 1)"
curl -fsS "$mirror/$package" -o "$work/linux.deb"
dpkg-deb --fsys-tarfile "$work/linux.deb" | tar -x -C "$work" --wildcards './boot/vmlinuz*'
mv "$work"/boot/vmlinuz* "$work/iso/boot/vmlinuz"

tests="$(cargo test -p kernels --lib --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')"
strip -o "$root/tests" "$tests"
ldd "$tests" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
cp /bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
cat >"$root/init" <<END
#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
if /bin/busybox grep -qw avx512dq /proc/cpuinfo; then
    /tests --test-threads 1 --skip likelihood $(printf '%q ' "$@")
    echo "exit status \$?"
else
    echo "the emulated processor lacks AVX-512"
fi
/bin/busybox sleep 3600
END
chmod +x "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip) >"$work/iso/boot/initrd"
cat >"$work/iso/boot/grub/grub.cfg" <<'END'
set timeout=0
menuentry tests {
    linux /boot/vmlinuz console=ttyS0 quiet noxsaves mitigations=off random.trust_cpu=on tsc=reliable
    initrd /boot/initrd
}
END
grub-mkrescue -o "$work/disc" "$work/iso" 2>/dev/null

cat >"$work/bochsrc" <<END
config_interface: textconfig
plugin_ctrl: speaker=0, serial=1
display_library: rfb, options="timeout=0"
cpu: model=corei7_skylake_x, count=2, ips=100000000
megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$work/disc, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/said
log: $work/log
panic: action=fatal
END
# Debian's is built with its debugger, which waits for a command.
echo continue >"$work/commands"
touch "$work/said"
tail -f "$work/said" &
timeout 3600 bochs-bin -q -f "$work/bochsrc" -rc "$work/commands" </dev/null >/dev/null 2>&1 &
bochs=$!
# Turned off from within, Bochs did not always end.
until grep -q '^exit status\|lacks AVX-512' "$work/said" || ! kill -0 "$bochs" 2>/dev/null; do sleep 1; done
sleep 1
kill %1 "$bochs" 2>/dev/null || true
grep -q '^exit status 0' "$work/said"
