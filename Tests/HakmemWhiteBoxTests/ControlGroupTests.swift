import CHakmemWhiteBox
import HakmemPlatform

/// On a tree of files that stands for /sys/fs/cgroup.
enum ControlGroupTests {
  static let all = [
    WhiteBoxTest("ControlGroup.leastOfAllAncestorsHolds", ancestors),
    WhiteBoxTest("ControlGroup.aGroupOutOfSightOrWithoutFilesLimitsNothing", absent),
    WhiteBoxTest("ControlGroup.processorsAreRoundedUp", processors),
  ]

  private static func read() -> ControlGroup.Limits {
    ControlGroup.read(membershipFile: "membership", root: "tree")
  }

  private static func write(_ path: StaticString, _ text: StaticString) {
    whitebox_write_file(cString(path), cString(text))
  }

  private static func cString(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  private static func ancestors() {
    whitebox_enter_new_folder()
    defer { whitebox_remove_folder() }
    write("tree/cgroup.controllers", "cpu memory\n")
    write("membership", "12:memory:/old/style\n1:name=systemd:/0::/decoy\n0::/outer/inner\n")
    var limits = read()
    expect(limits.memory == .max && limits.processors == .max && !limits.isControlled)
    write("tree/outer/inner/memory.high", "max\n")
    write("tree/outer/inner/memory.max", "max\n")
    limits = read()
    expect(limits.memory == .max && limits.isControlled)
    write("tree/outer/memory.max", "160000000\n")
    expectEqual(read().memory, 150_000_000, "fifteen sixteenths of the ancestor's memory.max")
    write("tree/outer/inner/memory.high", "140000000\n")
    expectEqual(read().memory, 140_000_000, "memory.high")
    write("tree/memory.high", "130000000\n")
    expectEqual(read().memory, 130_000_000, "the root's memory.high")
    write("tree/outer/inner/memory.max", "16000000\n")
    expectEqual(read().memory, 15_000_000, "the group's memory.max")
  }

  private static func absent() {
    whitebox_enter_new_folder()
    defer { whitebox_remove_folder() }
    write("membership", "0::/\n")
    write("tree/memory.max", "1600\n")
    expect(!read().isControlled)
    write("tree/cgroup.controllers", "")
    expectEqual(read().memory, 1500, "where cgroup v2 is mounted")
    write("membership", "3:cpu:/\n")
    expect(!read().isControlled)
    write("membership", "0::/../../elsewhere\n")
    expect(!read().isControlled)
    write("membership", "0::/gone\n")
    expectEqual(read().memory, 1500, "what is seen of a group out of sight")
    write("tree/memory.max", "")
    expect(read().memory == .max)
  }

  private static func processors() {
    whitebox_enter_new_folder()
    defer { whitebox_remove_folder() }
    write("tree/cgroup.controllers", "cpu memory\n")
    write("membership", "0::/\n")
    write("tree/cpu.max", "max 100000\n")
    expect(read().processors == .max)
    write("tree/cpu.max", "150000 100000\n")
    expectEqual(read().processors, 2, "processors")
    write("tree/cpu.max", "200000 100000\n")
    expectEqual(read().processors, 2, "processors")
    write("tree/cpu.max", "1000 100000\n")
    expectEqual(read().processors, 1, "processors")
    write("tree/cpu.max", "1000 0\n")
    expect(read().processors == .max)
  }
}
