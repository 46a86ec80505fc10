//! A build in a world that differs in everything gives what it gives in the contract's.

use drystone::sandbox::Variation;

use crate::yard::Yard;

fn everything() -> Variation {
    Variation {
        cpus: Some(1),
        processor: true,
        host_name: Some("quarry".to_owned()),
        kernel: true,
        user: Some(4711),
        umask: Some(0o077),
        clock: Some(34_000_000),
        pace: Some(5),
        directories: true,
        memory: Some(1 << 30),
        addresses: true,
        randomness: true,
    }
}

/// A library of many files and a program over it, in directories with a Makefile each.
const PREPARE: &str = "
    mkdir -p lib bin
    i=0
    while [ $i -lt 24 ]; do
      echo \"unsigned stone_$i(unsigned x) { return x * $i + 1; }\" > lib/stone_$i.c
      echo \"unsigned stone_$i(unsigned);\" >> lib/wall.h
      i=$((i + 1))
    done
    {
      echo '#include \"../lib/wall.h\"'
      echo 'int main(void) { unsigned x = 0;'
      i=0; while [ $i -lt 24 ]; do echo \"x += stone_$i(x);\"; i=$((i + 1)); done
      echo 'return x == 0; }'
    } > bin/wall.c
    printf 'all:\\n\\t$(MAKE) -C lib\\n\\t$(MAKE) -C bin\\n' > Makefile
    printf 'libwall.a: $(patsubst %%.c,%%.o,$(sort $(wildcard *.c)))\\n\\t$(AR) rcsD $@ $^\\n' > lib/Makefile
    printf 'wall: wall.o ../lib/libwall.a\\n\\t$(CC) -o $@ $^\\n' > bin/Makefile
    make -j4 CC=x86_64-linux-musl-gcc AR=x86_64-linux-musl-ar CFLAGS=-O2 >/dev/null
    make -q -C bin CC=x86_64-linux-musl-gcc
    bin/wall
    cp lib/libwall.a bin/wall /out
    tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw --mtime=@0 -cf /out/wall.tar lib bin
    cd /out; cksum *";

#[test]
fn make_builds_the_same_under_all_variations_at_once() {
    let built = |variation| Yard::new(&variation).printed(PREPARE);
    let expected = built(Variation::default());
    assert_eq!(expected.lines().count(), 3, "{expected}");
    assert_eq!(built(everything()), expected);
}
