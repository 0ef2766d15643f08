/// The tool's version; the library states its own.
package enum Version {
  package static let tool = "0.1.0"
}
