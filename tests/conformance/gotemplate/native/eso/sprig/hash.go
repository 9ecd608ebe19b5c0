// Package sprig has the type that external-secrets' copy of sprig gave to the third argument of htpasswd.
package sprig

// HashAlgorithm names a hash.
type HashAlgorithm string
