import Foundation
import HakmemTestSupport
import Testing

/// Tools of the command line, run by a shell script on both allocators; what they print is compared.
@Suite struct `A tool has the same results` {
  /// Runs a script in an empty folder of its own; `set -e` is on.
  private func expectSame(_ script: String, needs programs: [String]) throws {
    for program in programs {
      _ = try System.require(program)
    }
    let kept = Kept()
    try RealProgram.expectSameOutput {
      let folder = try TemporaryDirectory("tool")
      kept.append(folder)
      return Command("/bin/sh", ["-ec", script]).in(folder.path)
    }
  }

  @Test func `git, committing, cloning and collecting garbage`() throws {
    try expectSame(
      """
      export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
      export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME=$PWD
      git init -q -b main one && cd one
      for commit in 1 2 3 4 5; do
        for file in $(seq 1 60); do seq $commit $((commit * file * 5)) >file$file; done
        git add . && git commit -q -m "commit $commit"
      done
      git checkout -q -b side HEAD~2 && echo side >side && git add . && git commit -q -m side
      git checkout -q main && git merge -q -m merge side
      git -c gc.autoDetach=false gc -q --aggressive --prune=now
      git fsck --strict
      cd .. && git clone -q --no-local "file://$PWD/one" two 2>/dev/null && cd two
      git log --format='%H %s' && git diff --stat HEAD~3 | tail -1 && git blame file7 | md5sum
      """, needs: ["git"])
  }

  @Test func `sqlite3`() throws {
    let script = RealProgram.source("workload.sql")
    try expectSame(
      "sqlite3 database <'\(script)'; sqlite3 database .dump | md5sum", needs: ["sqlite3"])
  }

  @Test func `tar and xz with two threads`() throws {
    try expectSame(
      """
      mkdir data
      for file in $(seq 1 40); do seq $file $((file * 3000)) >data/file$file; done
      tar --sort=name --mtime=@0 --owner=0 --group=0 -cf data.tar data
      xz -1 -T2 --block-size=1MiB -k data.tar
      rm -r data && tar -xf data.tar.xz && cat data/* | md5sum
      xz -dc -T2 data.tar.xz | md5sum && md5sum <data.tar.xz
      """, needs: ["tar", "xz"])
  }
}

/// Holds objects until the test's end.
final class Kept: @unchecked Sendable {
  private var objects: [AnyObject] = []

  func append(_ object: AnyObject) {
    objects.append(object)
  }
}
