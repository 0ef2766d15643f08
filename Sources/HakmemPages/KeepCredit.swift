import HakmemPlatform
import Synchronization

/// How much free memory is worth keeping: what was asked for again soon after it was given back.
///
/// Memory that is freed once and never asked for again only swells the process, and memory that is
/// given back just before it is needed again costs page faults. So nothing is kept on trust: each
/// time that memory is wanted soon after its return (`PurgeDelay.regretWindow`), and not for the first
/// time, as many bytes more may be kept from then on; each time that kept memory ages in vain, as many
/// fewer as aged.
package struct KeepCredit {
  package struct State: ~Copyable {
    let bytes: Atomic<Int>
    let lastRegret: Atomic<UInt32>
  }
  private let state: UnsafeMutablePointer<State>

  package init(unsafeAt address: UInt) { state = Memory.pointer(at: address) }

  /// Bytes that may be kept.
  package var bytes: Int { state.pointee.bytes.load(ordering: .relaxed) }

  /// Memory that was given back at `returnedAt` (Clock.milliseconds) is wanted again. Credit grows to
  /// HAKMEM_WARM_MIB, if not `mostBytes`.
  package func regret(_ byteCount: UInt, returnedAt: UInt32, atMost mostBytes: Int? = nil) {
    let now = Clock.milliseconds()
    let window = PurgeDelay.regretWindow
    guard now &- returnedAt <= window else { return }
    let last = state.pointee.lastRegret.exchange(now, ordering: .relaxed)
    guard last != 0, now &- last <= window else { return }
    PurgeDelay.shared.lengthen(at: now)
    let bound = mostBytes ?? Int(Option.warmBytes.value << 20)
    let grown = state.pointee.bytes.wrappingAdd(Int(byteCount), ordering: .relaxed).newValue
    if grown > bound { state.pointee.bytes.store(bound, ordering: .relaxed) }
  }

  /// Kept memory aged without being wanted.
  package func waste(_ byteCount: UInt) {
    let left = state.pointee.bytes.wrappingSubtract(Int(byteCount), ordering: .relaxed).newValue
    if left < 0 { state.pointee.bytes.store(0, ordering: .relaxed) }
  }
}
