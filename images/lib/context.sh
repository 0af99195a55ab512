# shellcheck shell=bash disable=SC2154
# What an image's Dockerfile gets to see. A change here or in vendor.sh is a new tag.

make_context() {
  local context=$1 image=$2 wordpress=$3 woocommerce=$4
  cp -R "$images/$image/." "$context/"
  if [[ $image == woocommerce ]]; then
    stage_vendor "$context" "$wordpress" "$woocommerce"
  fi
  # A checkout's umask must not decide what the container's user can read.
  chmod -R u=rwX,go=rX "$context"
}

# Lays out what the Dockerfile copies below CONTEXT/vendor.
stage_vendor() {
  local context=$1 source=$2 woocommerce=$3 core studio plugin
  # The language packs have no pinned official download, so they come from the npm package in either case.
  vendor_folder "wp-studio-$WP_STUDIO_VERSION-${WP_STUDIO_SHA512:0:12}" fetch_studio
  studio=$vendored core=$vendored
  if [[ $source == official ]]; then
    vendor_folder "wordpress-${WORDPRESS_SHA256:0:12}-${WP_CLI_SHA256:0:12}" fetch_wordpress
    core=$vendored
  fi
  case $woocommerce in
    stand-in*) plugin=$standin ;;
    *)
      vendor_folder "woocommerce-${woocommerce#* }" fetch_woocommerce "${woocommerce%% *}"
      plugin=$vendored/woocommerce
      ;;
  esac

  local site=$context/vendor/srv/wordpress share=$context/vendor/share
  mkdir -p "${site%/*}" "$share/wp-content/plugins" "$share/wp-content/themes"
  cp -R --preserve=timestamps "$core/wordpress" "$site"
  cp --preserve=timestamps "$core/wp-cli.phar" "$share/"
  mv "$site/wp-content/themes/$THEME" "$share/wp-content/themes/" || die "this WordPress has no theme $THEME"
  rm -rf "$site"/{wp-content,readme.html,license.txt,wp-config-sample.php}
  cp -R --preserve=timestamps "$plugin" "$share/wp-content/plugins/woocommerce"
  cp -R --preserve=timestamps "$studio/languages" "$share/wp-content/languages"
}
