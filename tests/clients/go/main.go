// The AWS SDK for Go v2 with default settings: put, managed multipart, get, lists, conditions, presigned URLs, deletes.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

var (
	ctx    = context.Background()
	client *s3.Client
	bucket = aws.String(fmt.Sprintf("larder-go-%d-%d", time.Now().Unix(), os.Getpid()))
	failed = false
)

func check(name string, run func() error) {
	if err := run(); err != nil {
		failed = true
		fmt.Printf("    %v\nFAIL aws-sdk-go: %s\n", err, name)
		return
	}
	fmt.Printf("PASS aws-sdk-go: %s\n", name)
}

func random(size int) []byte {
	data := make([]byte, size)
	rand.Read(data)
	return data
}

func read(key string) ([]byte, error) {
	answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

func expect(key string, wanted []byte) error {
	found, err := read(key)
	if err == nil && !bytes.Equal(found, wanted) {
		err = fmt.Errorf("%s: %d bytes differ from the %d that were written", key, len(found), len(wanted))
	}
	return err
}

func expectCode(err error, code string) error {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		return fmt.Errorf("found %v, wanted %s", err, code)
	}
	return nil
}

func list(prefix string) ([]types.ObjectIdentifier, error) {
	var found []types.ObjectIdentifier
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &prefix, MaxKeys: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.Contents {
			found = append(found, types.ObjectIdentifier{Key: entry.Key})
		}
	}
	return found, nil
}

func putAndGet() error {
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		return err
	}
	for _, size := range []int{0, 1, 70_000, 9_000_000} {
		key, data := fmt.Sprintf("a b/ü+%%41/%d", size), random(size)
		put := &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(data), Metadata: map[string]string{"colour": "blue"}}
		if _, err := client.PutObject(ctx, put); err != nil {
			return err
		}
		if err := expect(key, data); err != nil {
			return err
		}
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &key})
		if err != nil {
			return err
		}
		if *head.ContentLength != int64(size) || head.Metadata["colour"] != "blue" {
			return fmt.Errorf("head says %d bytes and %v", *head.ContentLength, head.Metadata)
		}
	}
	return nil
}

func managed() error {
	data := random(17<<20 + 3)
	uploader := manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = 5 << 20 })
	// Without Seek the uploader cannot know the length ahead.
	stream := io.MultiReader(bytes.NewReader(data))
	if _, err := uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("managed"), Body: stream}); err != nil {
		return err
	}
	if err := expect("managed", data); err != nil {
		return err
	}
	back := manager.NewWriteAtBuffer(nil)
	if _, err := manager.NewDownloader(client).Download(ctx, back, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("managed")}); err != nil {
		return err
	}
	if !bytes.Equal(back.Bytes(), data) {
		return errors.New("the downloaded ranges differ")
	}
	return nil
}

func conditions() error {
	once := func(body string) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("once"), Body: strings.NewReader(body), IfNoneMatch: aws.String("*")})
		return err
	}
	if err := once("1"); err != nil {
		return err
	}
	if err := expectCode(once("2"), "PreconditionFailed"); err != nil {
		return err
	}
	if err := expect("once", []byte("1")); err != nil {
		return err
	}
	_, err := read("none")
	return expectCode(err, "NoSuchKey")
}

func presigned() error {
	presigner := s3.NewPresignClient(client)
	get, err := presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("once")})
	if err != nil {
		return err
	}
	for url, wanted := range map[string]int{get.URL: 200, strings.Replace(get.URL, "/once", "/managed", 1): 403} {
		answer, err := http.Get(url)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != wanted {
			return fmt.Errorf("status %d instead of %d", answer.StatusCode, wanted)
		}
	}
	return nil
}

func listAndDelete() error {
	for number := range 7 {
		source := *bucket + "/once"
		if _, err := client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String(fmt.Sprintf("copy/%d", number)), CopySource: &source}); err != nil {
			return err
		}
	}
	if copies, err := list("copy/"); err != nil || len(copies) != 7 {
		return fmt.Errorf("%d copies listed: %v", len(copies), err)
	}
	all, err := list("")
	if err != nil {
		return err
	}
	answer, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: all}})
	if err != nil || len(answer.Errors) > 0 || len(answer.Deleted) != len(all) {
		return fmt.Errorf("deletion of %d: %v %v", len(all), answer, err)
	}
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	return err
}

func main() {
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	client = s3.NewFromConfig(settings, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(os.Getenv("ENDPOINT"))
		o.UsePathStyle = true
	})
	check("put and get", putAndGet)
	check("the manager: upload of a stream in parts, download in ranges", managed)
	check("conditions and errors", conditions)
	check("presigned URLs", presigned)
	check("copies, paged lists, deletes", listAndDelete)
	if failed {
		os.Exit(1)
	}
}
