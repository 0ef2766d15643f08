/// Sizes that several layers share.
package enum Constants {
  /// Unit of page runs and of the dirty maps. Never larger than the kernel's page.
  package static let pageBytes: UInt = 4096
  package static let pageShift: UInt = 12

  /// Unit of the class map: one slab. 64 KiB keeps the map at one byte per 64 KiB and is a
  /// multiple of every page size that Linux has.
  package static let granuleBytes: UInt = 1 << 16
  package static let granuleShift: UInt = 16

  /// Size and alignment of a SuperSlab: a huge page on x86-64 and AArch64 with 4 KiB pages.
  package static let superSlabBytes: UInt = 1 << 21
  package static let superSlabShift: UInt = 21
  package static let granulesPerSuperSlab: UInt = superSlabBytes >> granuleShift
  package static let pagesPerSuperSlab: UInt = superSlabBytes >> pageShift

  /// User addresses with four-level page tables, which Linux keeps to unless asked for more.
  #if arch(arm64)
    package static let addressBits: UInt = 48
  #else
    package static let addressBits: UInt = 47
  #endif

  /// C23 and POSIX let malloc fail above PTRDIFF_MAX; so it does.
  package static let maximumRequest: UInt = UInt(Int.max)
  package static let maximumAlignment: UInt = 1 << 30
  package static let minimumAlignment: UInt = 16

  /// One cache line, so that what different threads write does not share one.
  package static let lineBytes: UInt = 64

  #if DEBUG
    /// Debug builds run every `check()`.
    package static let checksInvariants = true
  #else
    package static let checksInvariants = false
  #endif
}
