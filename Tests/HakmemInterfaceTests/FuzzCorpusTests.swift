import Foundation
import HakmemTestSupport
import Testing

/// Inputs that the fuzzer found worth keeping, and those that showed a fault once.
@Suite(.enabled(if: Allocator.underTest.isHakmem, "the fuzzer's program uses all of hakmem.h"))
struct `The fuzzer's corpus` {
  @Test func `agrees with the shadow heap`() throws {
    let tests = (TestProgram.sources as NSString).deletingLastPathComponent
    let corpus = tests + "/Fuzz/corpus/heap"
    let names = try FileManager.default.contentsOfDirectory(atPath: corpus).sorted()
    #expect(!names.isEmpty)
    let program = try TestProgram.build("../Fuzz/heap.c", flags: ["-DREPLAY"], suffix: "-replay")
    let outcome = try Command(program, names.map { corpus + "/" + $0 }).run()
    #expect(outcome.succeeded, "\(outcome)")
  }
}
