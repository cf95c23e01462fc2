#!/usr/bin/env bash
# An archive that installs without a network: deploy/release.sh [--binary FILE] DIRECTORY
# 生成可离线安装的发布包。
#
# Builds the program (or takes FILE), packs it with what is needed to run it and writes chaobiao-VERSION-TARGET.tar.gz and
# its .sha256 into DIRECTORY. The same sources and program make the same archive, byte for byte. Inside are install.sh, SHA256SUMS
# over every file, and SOFTWARE.tsv: each package that is built in, with version, licence and the checksum of its source.
set -euo pipefail

fail() { echo "release.sh: $1" >&2; exit 1; }

binary=
if [ "${1-}" = --binary ]; then
    binary=$(realpath "${2-}")
    shift 2
fi
[ $# -eq 1 ] || fail "usage: deploy/release.sh [--binary FILE] DIRECTORY"
mkdir -p "$1"
out=$(realpath "$1")
cd "$(dirname "$0")/.."

if [ -z "$binary" ]; then
    cargo build --locked --profile dist
    binary=$(realpath "${CARGO_TARGET_DIR:-target}/dist/chaobiao")
fi
[ -x "$binary" ] || fail "$binary is no program"

version=$("$binary" --version | sed -n '1s/^chaobiao \([0-9][^ ]*\).*/\1/p')
[ -n "$version" ] || fail "$binary does not say its version"
name=chaobiao-$version-$(rustc -vV | sed -n 's/^host: //p')
# Of the last commit, so that two runs make the same archive.
when=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name
mkdir -p "$root"
install -m 0755 "$binary" "$root/chaobiao"
install -m 0755 deploy/install.sh "$root/install.sh"
install -m 0644 CHANGELOG.md LICENSE "$root/"
# The manual, with what receivers of billing values and alarms have to know, stands beside the README there.
sed 's,src/manual/,manual/,g' README.md >"$root/README.md"
mkdir "$root/manual"
cp -R src/manual/*.md src/manual/handbook src/manual/pictures "$root/manual/"
cp -R deploy "$root/deploy"
rm "$root/deploy/install.sh" "$root/deploy/release.sh"
chmod -R u=rwX,go=rX "$root/deploy" "$root/manual" "$root/README.md"

# The tree has what is built in and its licences, the lock file the checksums.
{
    printf 'package\tversion\tlicence\tsha256 of the source\n'
    cargo tree --locked --offline --edges normal,build --prefix none --no-dedupe --format '{p}|{l}' | LC_ALL=C sort -u |
        awk -F '[|]' '
            FNR == NR {
                gsub(/"/, "")
                if ($0 ~ /^name = /) name = substr($0, 8)
                if ($0 ~ /^version = /) version = substr($0, 11)
                if ($0 ~ /^checksum = /) sum[name, version] = substr($0, 12)
                next
            }
            {
                split($1, words, " ")
                version = substr(words[2], 2)
                print words[1] "\t" version "\t" $2 "\t" sum[words[1], version]
            }' Cargo.lock -
} >"$root/SOFTWARE.tsv"

(cd "$root" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)
chmod 0644 "$root/SHA256SUMS" "$root/SOFTWARE.tsv"
archive=$out/$name.tar.gz
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$when" --format=ustar -cf - "$name" | gzip -n9 >"$archive.partial"
mv "$archive.partial" "$archive"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$archive"
