{
  description = "coracle: a rootless, daemonless container engine and runtime for Linux";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      manifest = (nixpkgs.lib.importTOML ./Cargo.toml).package;
    in
    {
      packages = each (pkgs: {
        default = pkgs.pkgsStatic.rustPlatform.buildRustPackage {
          pname = manifest.name;
          inherit (manifest) version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          # The tests make users, namespaces and registries: sh tests/run.sh
          doCheck = false;
          nativeBuildInputs = [ pkgs.makeWrapper ];
          postInstall = ''
            . packaging/files.sh
            mv $out/bin/coracle coracle.built
            put_all coracle.built "" $out
          '';
          # newuidmap and newgidmap are the system's: a store has no privileged programs.
          postFixup = ''
            wrapProgram $out/bin/coracle --suffix PATH : ${nixpkgs.lib.makeBinPath [ pkgs.slirp4netns pkgs.fuse-overlayfs ]}
          '';
          meta = {
            inherit (manifest) description;
            license = nixpkgs.lib.licenses.asl20;
            platforms = systems;
            mainProgram = "coracle";
          };
        };
      });
    };
}
