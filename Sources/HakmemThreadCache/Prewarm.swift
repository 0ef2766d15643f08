import HakmemPages
import HakmemPlatform
import HakmemSlabs

/// What HAKMEM_PREWARM asks for: memory that is ready before the first request.
package enum Prewarm {
  /// Makes it ready; returns how many blocks and SuperSlabs that are.
  @discardableResult
  package static func run() -> Int {
    var blocks = 0
    PrewarmValue.forEachEntry { size, count in
      blocks += SlabList(SizeClass.serving(size)).prewarm(blocks: Int(count), prefault: prefault)
    }
    let bytes = PrewarmValue.total << 20
    let count = Int((bytes &+ Constants.superSlabBytes &- 1) / Constants.superSlabBytes)
    return blocks + SuperSlabPool.prewarm(count, prefault: prefault)
  }

  /// How pages come before their use, as configured.
  package static var prefault: Prefault { Prefault(rawValue: Option.prefault.value) ?? .populate }
}
