// Command vault is Vault with storage in memory, unsealed at start: KV and RabbitMQ; token, AppRole,
// userpass, LDAP, TLS certificates, JWT and Kubernetes. It prints its address and root token as one line of JSON and serves until it ends.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/ldap"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/rabbitmq"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

var secrets = map[string]logical.Factory{"kv": kv.Factory, "rabbitmq": rabbitmq.Factory}

var logins = map[string]logical.Factory{
	"approle":    approle.Factory,
	"cert":       cert.Factory,
	"jwt":        jwt.Factory,
	"kubernetes": kubernetes.Factory,
	"ldap":       ldap.Factory,
	"userpass":   userpass.Factory,
}

// registry tells the core which plugins are built in.
type registry struct{}

func (registry) Contains(name string, kind consts.PluginType) bool {
	_, found := registry{}.Get(name, kind)
	return found
}

func (registry) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	known := map[consts.PluginType]map[string]logical.Factory{
		consts.PluginTypeSecrets: secrets, consts.PluginTypeCredential: logins,
	}
	factory, found := known[kind][name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (registry) Keys(consts.PluginType) []string { return nil }

func (registry) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

func main() {
	certificate := flag.String("certificate", "", "PEM file; without it the server speaks plain HTTP")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	scheme := "http"
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		check(err)
		// Any client certificate is asked for and none is required: the cert login looks at it.
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert})
		scheme = "https"
	}
	address := scheme + "://" + listener.Addr().String()
	core, token := unsealed(address)
	check(json.NewEncoder(os.Stdout).Encode(map[string]string{"address": address, "token": token}))
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}})
	check(http.Serve(listener, handler))
}

func unsealed(address string) (*vault.Core, string) {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	check(err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		Logger:             logger,
		RedirectAddr:       address,
		DisableMlock:       true,
		LogicalBackends:    secrets,
		CredentialBackends: logins,
		BuiltinRegistry:    registry{},
	})
	check(err)
	shares := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	made, err := core.Initialize(context.Background(), &vault.InitParams{BarrierConfig: shares, RecoveryConfig: shares})
	check(err)
	for _, share := range made.SecretShares {
		_, err = core.Unseal(share)
		check(err)
	}
	return core, made.RootToken
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
